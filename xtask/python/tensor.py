"""Prints the shape and the L2 norm of one F32 tensor, read by the standard library alone.

A second opinion for the demo: it shares no code with Lacre.
"""

import array
import json
import math
import struct
import sys

path, name = sys.argv[1:]
with open(path, "rb") as file:
    (length,) = struct.unpack("<Q", file.read(8))
    tensor = json.loads(file.read(length))[name]
    begin, end = tensor["data_offsets"]
    if tensor["dtype"] != "F32":
        sys.exit(f"{name} is {tensor['dtype']}, not F32")
    file.seek(8 + length + begin)
    values = array.array("f", file.read(end - begin))
    if sys.byteorder == "big":
        values.byteswap()
print(*tensor["shape"])
print(math.sqrt(math.fsum(value * value for value in values)))
