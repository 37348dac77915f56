"""hvac, unmodified, against a running server: VAULT_ADDR and VAULT_TOKEN say which."""

import os
import unittest

import hvac
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest

ADDRESS = os.environ["VAULT_ADDR"]
ROOT = os.environ["VAULT_TOKEN"]


def root():
    return hvac.Client(url=ADDRESS, token=ROOT)


class KvV2(unittest.TestCase):
    def setUp(self):
        self.client = root()
        self.kv = self.client.secrets.kv.v2

    def test_versions(self):
        first = self.kv.create_or_update_secret(path="hvac/app", secret={"a": "1", "n": 2})
        self.assertEqual(first["data"]["version"], 1)
        self.kv.create_or_update_secret(path="hvac/app", secret={"a": "2"}, cas=1)
        with self.assertRaisesRegex(InvalidRequest, "check-and-set parameter did not match"):
            self.kv.create_or_update_secret(path="hvac/app", secret={"a": "3"}, cas=1)
        read = self.kv.read_secret_version(path="hvac/app", raise_on_deleted_version=True)
        self.assertEqual(read["data"]["data"], {"a": "2"})
        old = self.kv.read_secret_version(path="hvac/app", version=1, raise_on_deleted_version=True)
        self.assertEqual(old["data"]["data"], {"a": "1", "n": 2})
        self.kv.patch(path="hvac/app", secret={"b": "x"})
        self.assertEqual(self.kv.read_secret(path="hvac/app", raise_on_deleted_version=True)["data"]["data"], {"a": "2", "b": "x"})

    def test_delete_undelete_destroy(self):
        for value in ("1", "2"):
            self.kv.create_or_update_secret(path="hvac/gone", secret={"v": value})
        self.kv.delete_latest_version_of_secret(path="hvac/gone")
        with self.assertRaises(InvalidPath):
            self.kv.read_secret_version(path="hvac/gone", raise_on_deleted_version=True)
        deleted = self.kv.read_secret_version(path="hvac/gone", raise_on_deleted_version=False)
        self.assertIsNone(deleted["data"]["data"])
        self.assertNotEqual(deleted["data"]["metadata"]["deletion_time"], "")
        self.kv.undelete_secret_versions(path="hvac/gone", versions=[2])
        self.assertEqual(self.kv.read_secret_version(path="hvac/gone", raise_on_deleted_version=True)["data"]["data"], {"v": "2"})
        self.kv.delete_secret_versions(path="hvac/gone", versions=[1])
        self.kv.destroy_secret_versions(path="hvac/gone", versions=[1])
        versions = self.kv.read_secret_metadata(path="hvac/gone")["data"]["versions"]
        self.assertTrue(versions["1"]["destroyed"])
        self.assertFalse(versions["2"]["destroyed"])
        self.kv.delete_metadata_and_all_versions(path="hvac/gone")
        with self.assertRaises(InvalidPath):
            self.kv.read_secret_metadata(path="hvac/gone")

    def test_metadata_and_list(self):
        self.kv.update_metadata(path="hvac/meta", max_versions=3, cas_required=False, delete_version_after="1h0m0s", custom_metadata={"team": "a"})
        meta = self.kv.read_secret_metadata(path="hvac/meta")["data"]
        self.assertEqual((meta["max_versions"], meta["custom_metadata"], meta["delete_version_after"]), (3, {"team": "a"}, "1h0m0s"))
        self.kv.create_or_update_secret(path="hvac/list/x", secret={"v": 1})
        self.assertIn("list/", self.kv.list_secrets(path="hvac")["data"]["keys"])
        with self.assertRaises(InvalidPath):
            self.kv.list_secrets(path="hvac/nothing-here")

    def test_configuration(self):
        self.client.sys.enable_secrets_engine("kv", path="hvac-two", options={"version": "2"})
        self.kv.configure(max_versions=5, cas_required=True, mount_point="hvac-two")
        self.assertEqual(self.kv.read_configuration(mount_point="hvac-two")["data"]["max_versions"], 5)
        with self.assertRaisesRegex(InvalidRequest, "check-and-set parameter required"):
            self.kv.create_or_update_secret(path="x", secret={"v": 1}, mount_point="hvac-two")
        self.client.sys.disable_secrets_engine("hvac-two")


class KvV1(unittest.TestCase):
    def test_all(self):
        client = root()
        client.sys.enable_secrets_engine("kv", path="hvac-one", options={"version": "1"})
        kv = client.secrets.kv.v1
        kv.create_or_update_secret(path="a/b", secret={"user": "x", "n": 1}, mount_point="hvac-one")
        self.assertEqual(kv.read_secret(path="a/b", mount_point="hvac-one")["data"], {"user": "x", "n": 1})
        self.assertEqual(kv.list_secrets(path="a", mount_point="hvac-one")["data"]["keys"], ["b"])
        kv.delete_secret(path="a/b", mount_point="hvac-one")
        with self.assertRaises(InvalidPath):
            kv.read_secret(path="a/b", mount_point="hvac-one")


class Tokens(unittest.TestCase):
    def test_life(self):
        client = root()
        self.assertTrue(client.is_authenticated())
        made = client.auth.token.create(policies=["default"], ttl="1h", meta={"a": "b"}, display_name="hvac", period="2h")
        token, accessor = made["auth"]["client_token"], made["auth"]["accessor"]
        holder = hvac.Client(url=ADDRESS, token=token)
        self.assertTrue(holder.is_authenticated())
        self.assertEqual(holder.auth.token.lookup_self()["data"]["display_name"], "token-hvac")
        self.assertEqual(holder.auth.token.renew_self(increment="60m")["auth"]["lease_duration"], 7200)
        self.assertEqual(client.auth.token.lookup_accessor(accessor)["data"]["meta"], {"a": "b"})
        self.assertIn(accessor, client.auth.token.list_accessors()["data"]["keys"])
        self.assertEqual(client.auth.token.renew_accessor(accessor)["auth"]["accessor"], accessor)
        with self.assertRaises(Forbidden):
            holder.sys.list_mounted_secrets_engines()
        client.auth.token.revoke_accessor(accessor)
        self.assertFalse(holder.is_authenticated())

    def test_orphans_and_roles(self):
        client = root()
        self.assertTrue(client.auth.token.create_orphan(policies=["default"])["auth"]["orphan"])
        client.auth.token.create_or_update_role("hvac-role", allowed_policies="default", orphan=True)
        self.assertEqual(client.auth.token.list_roles()["data"]["keys"], ["hvac-role"])
        self.assertEqual(client.auth.token.read_role("hvac-role")["data"]["allowed_policies"], ["default"])
        self.assertEqual(client.auth.token.create(role_name="hvac-role")["auth"]["policies"], ["default"])
        client.auth.token.delete_role("hvac-role")
        holder = hvac.Client(url=ADDRESS, token=client.auth.token.create(policies=["default"])["auth"]["client_token"])
        holder.logout(revoke_token=True)


class System(unittest.TestCase):
    def setUp(self):
        self.client = root()

    def test_policies(self):
        sys = self.client.sys
        sys.create_or_update_policy(name="hvac", policy='path "secret/data/hvac/*" { capabilities = ["read"] }')
        self.assertIn("hvac", sys.list_policies()["data"]["policies"])
        self.assertIn("secret/data/hvac", sys.read_policy(name="hvac")["data"]["rules"])
        sys.create_or_update_acl_policy(name="hvac-acl", policy={"path": {"cubbyhole/*": {"capabilities": ["read"]}}})
        self.assertIn("hvac-acl", sys.list_acl_policies()["data"]["keys"])
        sys.delete_policy(name="hvac")
        sys.delete_acl_policy(name="hvac-acl")
        with self.assertRaises(InvalidPath):
            sys.read_policy(name="hvac")

    def test_mounts(self):
        sys = self.client.sys
        self.assertIn("secret/", sys.list_mounted_secrets_engines()["data"])
        sys.enable_secrets_engine("kv", path="hvac-mount", description="one", config={"default_lease_ttl": "1h"})
        with self.assertRaisesRegex(InvalidRequest, "path is already in use"):
            sys.enable_secrets_engine("kv", path="hvac-mount")
        sys.tune_mount_configuration(path="hvac-mount", description="two", max_lease_ttl="2h")
        self.assertEqual(sys.read_mount_configuration(path="hvac-mount")["data"]["max_lease_ttl"], 7200)
        sys.move_backend(from_path="hvac-mount", to_path="hvac-moved")
        self.assertIn("hvac-moved/", sys.list_mounted_secrets_engines()["data"])
        sys.disable_secrets_engine(path="hvac-moved")
        self.assertIn("token/", sys.list_auth_methods()["data"])

    def test_status(self):
        sys = self.client.sys
        self.assertTrue(sys.is_initialized())
        self.assertFalse(sys.is_sealed())
        self.assertTrue(sys.read_leader_status()["is_self"])
        self.assertEqual(sys.read_health_status(method="GET")["sealed"], False)
        self.assertEqual(sys.read_health_status().status_code, 200)
        self.assertEqual(sys.get_capabilities(paths=["secret/data/x"])["data"]["secret/data/x"], ["root"])
        self.assertIn("journal/", sys.list_enabled_audit_devices()["data"])

    def test_wrapping(self):
        self.client.secrets.kv.v2.create_or_update_secret(path="hvac/wrap", secret={"v": "1"})
        wrapped = self.client.read("secret/data/hvac/wrap", wrap_ttl="2m")
        self.assertEqual(wrapped["wrap_info"]["ttl"], 120)
        opened = self.client.sys.unwrap(token=wrapped["wrap_info"]["token"])
        self.assertEqual(opened["data"]["data"], {"v": "1"})
        with self.assertRaises(InvalidRequest):
            self.client.sys.unwrap(token=wrapped["wrap_info"]["token"])
        made = self.client.sys.wrap(payload={"x": "y"}, ttl=60)
        self.assertEqual(self.client.sys.unwrap(token=made["wrap_info"]["token"])["data"], {"x": "y"})

    def test_generic_calls(self):
        self.client.write("cubbyhole/hvac", a="1")
        self.assertEqual(self.client.read("cubbyhole/hvac")["data"], {"a": "1"})
        self.assertEqual(self.client.list("cubbyhole")["data"]["keys"], ["hvac"])
        self.client.delete("cubbyhole/hvac")
        self.assertIsNone(self.client.read("cubbyhole/hvac"))

    def test_namespaces(self):
        self.client.sys.create_namespace("hvac-ns")
        self.assertIn("hvac-ns/", self.client.sys.list_namespaces()["data"]["keys"])
        below = hvac.Client(url=ADDRESS, token=ROOT, namespace="hvac-ns")
        below.secrets.kv.v2.create_or_update_secret(path="only", secret={"here": "x"})
        self.assertEqual(below.secrets.kv.v2.read_secret(path="only", raise_on_deleted_version=True)["data"]["data"], {"here": "x"})
        with self.assertRaises(InvalidPath):
            self.client.secrets.kv.v2.read_secret(path="only", raise_on_deleted_version=True)


if __name__ == "__main__":
    unittest.main()
