"""A client of NATS that knows CloudEvents and no relay.

    client.py URL read        prints the headers and the data of the next message, as JSON
    client.py URL write MODE  sends an event: in binary mode, or in structured mode
"""

import asyncio
import json
import sys

import nats

SUBJECT = "shop.ticks"
SOURCE = "https://example.com/caf%C3%A9"


async def main(url, verb, *arguments):
    client = await nats.connect(url)
    if verb == "read":
        messages = await client.subscribe(SUBJECT)
        await client.flush()
        print("ready", flush=True)
        while True:
            message = await messages.next_msg(timeout=20)
            headers = {name.lower(): value for name, value in message.headers.items()}
            # A heartbeat tells importers how many events there were.
            if not headers["ce-type"].endswith(".heartbeat"):
                break
        print(json.dumps({"headers": headers, "data": json.loads(message.data)}))
    elif arguments == ("binary",):
        headers = {
            "ce-specversion": "1.0",
            "ce-id": "py-1",
            "ce-source": SOURCE,
            "ce-type": "ticks",
            "ce-time": "2026-01-02T03:04:05Z",
            "content-type": "application/json",
        }
        data = json.dumps({"number": 41, "text": "binär"}).encode()
        await client.publish(SUBJECT, data, headers=headers)
    else:
        event = {
            "specversion": "1.0",
            "id": "py-2",
            "source": "/python",
            "type": "ticks",
            "datacontenttype": "application/json",
            "data": {"number": 42, "text": "structured"},
        }
        headers = {"content-type": "application/cloudevents+json; charset=utf-8"}
        await client.publish(SUBJECT, json.dumps(event).encode(), headers=headers)
    await client.drain()


asyncio.run(main(*sys.argv[1:]))
