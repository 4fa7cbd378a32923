"""What scripts/try-grpc runs: python try-grpc.py ADDRESS FOLDER, with the root key in GATEWOOD_ROOT_API_KEY."""

import os
import subprocess
import sys

import grpc
from google.protobuf import descriptor_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc import status_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

ADDRESS, FOLDER = sys.argv[1:]
KEY = (("authorization", "Bearer " + os.environ["GATEWOOD_ROOT_API_KEY"]),)
SERVICE = "zitadel.admin.v1.AdminService"


def generate(channel):
    """Generates code for the service from what the server says of it."""
    database = ProtoReflectionDescriptorDatabase(channel)
    assert {SERVICE, "grpc.health.v1.Health"} <= set(database.get_services()), database.get_services()
    files = {}

    def collect(file):
        for name in file.dependency:
            if name not in files:
                collect(database.FindFileByName(name))
        files[file.name] = file

    top = database.FindFileContainingSymbol(SERVICE)
    collect(top)
    for symbol in ("zitadel.v1.ErrorDetail", "gatewood.v1.PolicyNotices"):
        collect(database.FindFileContainingSymbol(symbol))
    described = descriptor_pb2.FileDescriptorSet(file=files.values())
    path = os.path.join(FOLDER, "described.bin")
    with open(path, "wb") as out:
        out.write(described.SerializeToString())
    own = [name for name in files if not name.startswith("google/")]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--descriptor_set_in={path}"]
    subprocess.run([*command, f"--python_out={FOLDER}", f"--grpc_python_out={FOLDER}", *own], check=True)
    sys.path.insert(0, FOLDER)
    return top.name.removesuffix(".proto").replace("/", ".")


def refused(call, code):
    """Makes a call that has to fail with this code; gives the details of its status."""
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code, (error.code(), error.details())
        metadata = dict(error.trailing_metadata())
        status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
        assert (status.code, status.message) == (code.value[0], error.details()), status
        return status.details
    raise AssertionError(f"{code} was expected")


channel = grpc.insecure_channel(ADDRESS)
module = generate(channel)
pb2 = __import__(module + "_pb2", fromlist=["_"])
stubs = __import__(module + "_pb2_grpc", fromlist=["_"])
error_detail = __import__("zitadel.v1.error_detail_pb2", fromlist=["_"])
policy_notices = __import__("gatewood.v1.policy_notices_pb2", fromlist=["_"])
admin = stubs.AdminServiceStub(channel)


def lifetimes(access):
    month = Duration(seconds=30 * 86400)
    return dict(
        access_token_lifetime=access,
        id_token_lifetime=Duration(nanos=500_000_000),
        refresh_token_idle_expiration=month,
        refresh_token_expiration=month,
    )


def get(metadata=KEY):
    return admin.GetOIDCSettings(pb2.GetOIDCSettingsRequest(), metadata=metadata)


def add(**fields):
    return admin.AddOIDCSettings(pb2.AddOIDCSettingsRequest(**fields), metadata=KEY)


def update(**fields):
    return admin.UpdateOIDCSettings(pb2.UpdateOIDCSettingsRequest(**fields), metadata=KEY)


hour, day = Duration(seconds=3600), Duration(seconds=86400)
refused(lambda: get(()), grpc.StatusCode.UNAUTHENTICATED)
refused(get, grpc.StatusCode.NOT_FOUND)
refused(lambda: update(**lifetimes(hour)), grpc.StatusCode.NOT_FOUND)
refused(lambda: add(access_token_lifetime=hour), grpc.StatusCode.INVALID_ARGUMENT)
added = add(**lifetimes(hour)).details
assert added.sequence == 1 and added.resource_owner.isdigit(), added
refused(lambda: add(**lifetimes(day)), grpc.StatusCode.ALREADY_EXISTS)
refused(lambda: update(**lifetimes(hour)), grpc.StatusCode.FAILED_PRECONDITION)
details = refused(lambda: update(**lifetimes(Duration(seconds=86400, nanos=1))), grpc.StatusCode.PERMISSION_DENIED)
detail, told = error_detail.ErrorDetail(), policy_notices.PolicyNotices()
assert details[0].Unpack(detail) and detail.id == "lifetime_not_allowed", details
assert details[1].Unpack(told) and list(told.notices) == ["Access tokens may live for at most 24 hours."], details
assert list(told.policies) == ["access-tokens-at-most-a-day"], details
updated = update(**lifetimes(day)).details
assert updated.sequence == 2 and updated.creation_date == added.creation_date, updated
assert updated.change_date.ToNanoseconds() > added.change_date.ToNanoseconds(), updated
settings = get().settings
assert settings.access_token_lifetime == day and settings.id_token_lifetime.nanos == 500_000_000, settings
assert settings.details == updated, settings
print("read, added, updated, held to the guardrail, and read back")
