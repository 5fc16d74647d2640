/** The shape of a payload as a member of JSON: `payload` where it is text, `payloadBase64` where it is not. */
export function payloadAs(text: Readonly<Record<string, unknown>>) {
  const payloadBase64 = { type: 'string', contentEncoding: 'base64', description: 'Any bytes.' }
  return {
    oneOf: [
      { title: 'Text', required: ['payload'], properties: { payload: text } },
      { title: 'Bytes', required: ['payloadBase64'], properties: { payloadBase64 } },
    ],
  }
}
