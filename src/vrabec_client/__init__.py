"""Python SDK and the vrabec command. They speak REST only; there is no private door.

with Client("https://cloud.example:8443", token, fingerprint="AB:CD:…") as cloud:
    made = cloud.create_vm("web-1", memory_mib=512)
    cloud.wait_for_job(made["job"]["id"])
    print(cloud.wait_until_ready(made["vm"])["address"])
"""

from vrabec_client.client import Client
from vrabec_client.errors import VrabecError

__all__ = ["Client", "VrabecError"]
