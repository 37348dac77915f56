"""hvac's identity secrets engine, unmodified, against a running server: VAULT_ADDR and TEST_ROOT_TOKEN say which."""

import os
import unittest

import hvac
from hvac.exceptions import InvalidPath, InvalidRequest

ADDRESS = os.environ["VAULT_ADDR"]
ROOT = os.environ["TEST_ROOT_TOKEN"]


class Identity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = hvac.Client(url=ADDRESS, token=ROOT)
        cls.client.sys.enable_auth_method("userpass", path="hvac-identity")
        cls.accessor = cls.client.sys.list_auth_methods()["data"]["hvac-identity/"]["accessor"]
        cls.identity = cls.client.secrets.identity

    def entity(self, name, **more):
        return self.identity.create_or_update_entity(name=name, **more)["data"]["id"]

    def test_entities(self):
        entity = self.entity("hvac-entity", policies=["default"], metadata={"team": "a"})
        self.assertEqual(self.identity.create_or_update_entity_by_name(name="hvac-entity", metadata={"team": "b"}).status_code, 204)
        self.assertEqual(self.identity.read_entity(entity)["data"]["metadata"], {"team": "b"})
        self.assertEqual(self.identity.read_entity_by_name("hvac-entity")["data"]["id"], entity)
        self.assertEqual(self.identity.update_entity(entity, policies=["x"]).status_code, 204)
        self.assertIn(entity, self.identity.list_entities()["data"]["keys"])
        self.assertIn("hvac-entity", self.identity.list_entities_by_name()["data"]["keys"])
        self.identity.delete_entity(entity)
        with self.assertRaises(InvalidPath):
            self.identity.read_entity(entity)
        self.entity("hvac-by-name")
        self.identity.delete_entity_by_name("hvac-by-name")

    def test_aliases_and_merge(self):
        first, second = self.entity("hvac-first"), self.entity("hvac-second", policies=["p"])
        alias = self.identity.create_or_update_entity_alias(name="ann", canonical_id=second, mount_accessor=self.accessor)["data"]["id"]
        self.assertEqual(self.identity.read_entity_alias(alias)["data"]["canonical_id"], second)
        self.assertIn(alias, self.identity.list_entity_aliases()["data"]["keys"])
        self.identity.merge_entities(from_entity_ids=[second], to_entity_id=first)
        merged = self.identity.read_entity(first)["data"]
        self.assertEqual((merged["policies"], [each["id"] for each in merged["aliases"]]), (["p"], [alias]))
        found = self.identity.lookup_entity(alias_name="ann", alias_mount_accessor=self.accessor)
        self.assertEqual(found["data"]["id"], first)
        self.identity.update_entity_alias(alias_id=alias, name="anna", canonical_id=first, mount_accessor=self.accessor)
        self.identity.delete_entity_alias(alias)

    def test_groups(self):
        member = self.entity("hvac-member")
        inner = self.identity.create_or_update_group(name="hvac-inner", member_entity_ids=[member])["data"]["id"]
        outer = self.identity.create_or_update_group(name="hvac-outer", group_type="internal", policies=["p"], member_group_ids=[inner])["data"]["id"]
        self.assertEqual(self.identity.read_group(outer)["data"]["member_group_ids"], [inner])
        self.assertEqual(self.identity.read_group_by_name("hvac-inner")["data"]["parent_group_ids"], [outer])
        self.assertEqual(self.identity.read_entity(member)["data"]["inherited_group_ids"], [outer])
        with self.assertRaisesRegex(InvalidRequest, "cyclic relationship detected"):
            self.identity.update_group(group_id=inner, name="hvac-inner", member_group_ids=[outer])
        self.assertIn(inner, self.identity.list_groups()["data"]["keys"])
        self.assertIn("hvac-inner", self.identity.list_groups_by_name()["data"]["keys"])
        self.assertEqual(self.identity.lookup_group(name="hvac-outer")["data"]["id"], outer)
        self.identity.delete_group(inner)
        self.identity.delete_group_by_name("hvac-outer")

    def test_group_aliases(self):
        group = self.identity.create_or_update_group(name="hvac-external", group_type="external")["data"]["id"]
        alias = self.identity.create_or_update_group_alias(name="eng", mount_accessor=self.accessor, canonical_id=group)["data"]["id"]
        self.assertEqual(self.identity.read_group_alias(alias)["data"]["canonical_id"], group)
        self.identity.update_group_alias(entity_id=alias, name="ops", mount_accessor=self.accessor, canonical_id=group)
        self.assertIn(alias, self.identity.list_group_aliases()["data"]["keys"])
        self.identity.delete_group_alias(alias)

    def test_tokens(self):
        issuer = os.environ["VAULT_ADDR"]
        self.identity.configure_tokens_backend(issuer=issuer)
        self.assertEqual(self.identity.read_tokens_backend_configuration()["data"]["issuer"], issuer)
        self.identity.create_named_key(name="hvac-key", rotation_period="1h", verification_ttl="2h", allowed_client_ids=["*"], algorithm="ES256")
        key = self.identity.read_named_key("hvac-key")["data"]
        self.assertEqual((key["rotation_period"], key["verification_ttl"], key["algorithm"]), (3600, 7200, "ES256"))
        self.assertEqual(self.identity.list_named_keys()["data"]["keys"], ["default", "hvac-key"])
        # hvac writes the key itself where Vault's path ends in rotate.
        self.identity.rotate_named_key(name="hvac-key", verification_ttl="1h")
        self.identity.create_or_update_role(name="hvac-role", key="hvac-key", template='{"name": {{identity.entity.name}}}', ttl="10m", client_id="hvac-client")
        self.assertEqual(self.identity.read_role("hvac-role")["data"]["ttl"], 600)
        self.assertEqual(self.identity.list_roles()["data"]["keys"], ["hvac-role"])
        self.assertEqual(self.identity.read_well_known_configurations()["issuer"], issuer + "/v1/identity/oidc")
        self.assertGreaterEqual(len(self.identity.read_active_public_keys()["keys"]), 2)
        self.client.sys.enable_auth_method("userpass", path="hvac-people")
        self.client.sys.create_or_update_policy("hvac-tokens", 'path "identity/oidc/token/*" { capabilities = ["read"] }')
        self.client.auth.userpass.create_or_update_user("ann", password="a-long-password", policies="hvac-tokens", mount_point="hvac-people")
        person = hvac.Client(url=issuer)
        person.auth.userpass.login("ann", "a-long-password", mount_point="hvac-people")
        made = person.secrets.identity.generate_signed_id_token("hvac-role")["data"]
        self.assertEqual((made["client_id"], made["ttl"]), ("hvac-client", 600))
        self.assertTrue(self.identity.introspect_signed_id_token(token=made["token"], client_id="hvac-client")["active"])
        self.assertFalse(self.identity.introspect_signed_id_token(token=made["token"], client_id="another")["active"])
        with self.assertRaisesRegex(InvalidRequest, "currently referenced by these roles: hvac-role"):
            self.identity.delete_named_key("hvac-key")
        self.identity.delete_role("hvac-role")
        self.identity.delete_named_key("hvac-key")


if __name__ == "__main__":
    unittest.main()
