"""Paho's client for Python, told what to do by lines of JSON, and telling what happens in lines of JSON."""

import json
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions


def tell(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)


def to_properties(packet, given):
    if not given:
        return None
    properties = Properties(packet)
    for name, value in given.items():
        if name == "UserProperty":
            value = [tuple(pair) for pair in value]
        elif name == "CorrelationData":
            value = value.encode("latin-1")
        setattr(properties, name, value)
    return properties


def from_properties(properties):
    if properties is None:
        return {}
    told = {}
    for name in properties.names:
        name = name.replace(" ", "")
        if not hasattr(properties, name):
            continue
        value = getattr(properties, name)
        told[name] = value.decode("latin-1") if isinstance(value, bytes) else value
    return told


def to_code(code):
    return code if isinstance(code, int) else code.value


def on_connect(_client, _userdata, flags, code, properties=None):
    tell(
        "connect",
        code=to_code(code),
        sessionPresent=bool(flags["session present"]),
        properties=from_properties(properties),
    )


def on_disconnect(_client, _userdata, code, _properties=None):
    tell("disconnect", code=to_code(code))


def on_subscribe(_client, _userdata, _id, codes, _properties=None):
    tell("subscribe", codes=[to_code(code) for code in codes])


def on_publish(_client, _userdata, message_id):
    tell("publish", id=message_id)


def on_message(_client, _userdata, message):
    tell(
        "message",
        topic=message.topic,
        payload=message.payload.decode(),
        qos=message.qos,
        retain=bool(message.retain),
        properties=from_properties(getattr(message, "properties", None)),
    )


def open_client(to):
    is_5 = to["version"] == 5
    client = mqtt.Client(
        client_id=to["clientId"],
        protocol=mqtt.MQTTv5 if is_5 else mqtt.MQTTv311,
        clean_session=None if is_5 else to["clean"],
        transport=to["transport"],
        reconnect_on_failure=False,
    )
    client.on_connect = on_connect
    client.on_disconnect = on_disconnect
    client.on_subscribe = on_subscribe
    client.on_publish = on_publish
    client.on_message = on_message
    client.tls_set(ca_certs=to["ca"], certfile=to["cert"], keyfile=to["key"])
    client.ws_set_options(path="/mqtt")
    will = to.get("will")
    if will:
        client.will_set(
            *[will["topic"], will["payload"], will.get("qos", 0), will.get("retain", False)],
            properties=to_properties(PacketTypes.WILLMESSAGE, will.get("properties")),
        )
    more = {}
    if is_5:
        more["clean_start"] = to["clean"]
        more["properties"] = to_properties(PacketTypes.CONNECT, to.get("properties"))
    client.connect("localhost", to["port"], keepalive=60, **more)
    client.loop_start()
    return client


def main():
    client = None
    for line in sys.stdin:
        to = json.loads(line)
        if to["do"] == "connect":
            client = open_client(to)
        elif to["do"] == "subscribe":
            wanted = [
                (topic, SubscribeOptions(**options) if isinstance(options, dict) else options)
                for topic, options in to["subscriptions"]
            ]
            client.subscribe(wanted)
        elif to["do"] == "publish":
            more = {}
            if to.get("properties"):
                more["properties"] = to_properties(PacketTypes.PUBLISH, to["properties"])
            client.publish(to["topic"], to["payload"], to["qos"], to["retain"], **more)
        elif to["do"] == "disconnect":
            client.disconnect()
            client.loop_stop()


main()
