"""Writes points with Debian's python3-influxdb, an InfluxDB 1 client: port, CA, certificate, key; points in JSON on standard input."""
import json
import sys

from influxdb import InfluxDBClient
from influxdb.exceptions import InfluxDBClientError

port, ca, cert, key = sys.argv[1:]
client = InfluxDBClient(
    host="localhost", port=int(port), ssl=True, verify_ssl=ca, cert=(cert, key), database="readings", retries=1, gzip=True
)
result = {"ping": client.ping()}
try:
    result["written"] = client.write_points(json.load(sys.stdin), time_precision="s", batch_size=100)
except InfluxDBClientError as error:
    result["refused"] = [error.code, json.loads(error.content)]
print(json.dumps(result))
