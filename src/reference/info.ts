/** What both documents say of the gateway first. */
export const LICENSE = { name: 'MIT', identifier: 'MIT' }

export const INTRODUCTION = `An HTTP-to-MQTT gateway for devices with certificates. Devices publish readings over HTTPS or MQTT; whoever the Mosquitto ACL file
lets read them gets them over HTTPS, as a stream, or over MQTT. Requests over HTTP are described in [openapi.json](/openapi.json),
MQTT, WebSockets and streams in [asyncapi.json](/asyncapi.json).

**Who you are.** On the device door a client certificate, on the viewer door the cookie of a session; the ops door asks nobody. The
ACL file then decides what you may publish and read, the same on every door. \`GET /whoami\` says what it grants you.

**Topics in paths** are percent-encoded UTF-8, decoded once: \`/topics/wott%2Ftemperature\` and \`/topics/wott/temperature\` are the same.
In a query a space is \`%20\`, and a \`+\` is a \`+\`.

**Errors** are [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problems; match their \`code\`. Every answer of the device and
viewer doors carries \`x-request-id\`, which an error has as \`traceId\`, too.`
