"""hvac's auth methods, unmodified, against a running server: VAULT_ADDR says which. The root token has a name of its own, because
hvac takes VAULT_TOKEN for every client."""

import os
import unittest

import hvac
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest

ADDRESS = os.environ["VAULT_ADDR"]
ROOT = os.environ["TEST_ROOT_TOKEN"]
PUBLIC_KEY = os.environ["TEST_PUBLIC_KEY"]
JWT = os.environ["TEST_JWT"]


def root():
    return hvac.Client(url=ADDRESS, token=ROOT)


class Mounts(unittest.TestCase):
    def test_enable_tune_list_disable(self):
        sys = root().sys
        sys.enable_auth_method("userpass", path="hvac-mount", description="people")
        sys.tune_auth_method("hvac-mount", default_lease_ttl="30m", max_lease_ttl="2h")
        tuning = sys.read_auth_method_tuning("hvac-mount")["data"]
        self.assertEqual((tuning["default_lease_ttl"], tuning["max_lease_ttl"]), (1800, 7200))
        self.assertEqual(sys.list_auth_methods()["data"]["hvac-mount/"]["type"], "userpass")
        with self.assertRaisesRegex(InvalidRequest, "path is already in use"):
            sys.enable_auth_method("userpass", path="hvac-mount")
        sys.disable_auth_method("hvac-mount")
        self.assertNotIn("hvac-mount/", sys.list_auth_methods()["data"])


class Userpass(unittest.TestCase):
    def setUp(self):
        self.client = root()
        self.client.sys.enable_auth_method("userpass", path="hvac-userpass")
        self.addCleanup(self.client.sys.disable_auth_method, "hvac-userpass")
        self.userpass = self.client.auth.userpass

    def test_users_and_login(self):
        at = {"mount_point": "hvac-userpass"}
        self.userpass.create_or_update_user("bob", password="first", policies="a", **at)
        self.assertEqual(self.userpass.list_user(**at)["data"]["keys"], ["bob"])
        self.assertEqual(self.userpass.read_user("bob", **at)["data"]["token_policies"], ["a"])
        self.userpass.update_password_on_user("bob", "second", **at)
        person = hvac.Client(url=ADDRESS)
        with self.assertRaisesRegex(InvalidRequest, "invalid username or password"):
            person.auth.userpass.login("bob", "first", **at)
        person.auth.userpass.login("bob", "second", **at)
        self.assertTrue(person.is_authenticated())
        self.assertEqual(person.auth.token.lookup_self()["data"]["display_name"], "hvac-userpass-bob")
        person.auth.token.renew_self()
        person.auth.token.revoke_self()
        self.assertFalse(person.is_authenticated())
        self.userpass.delete_user("bob", **at)
        with self.assertRaises(InvalidPath):
            self.userpass.read_user("bob", **at)


class AppRole(unittest.TestCase):
    def setUp(self):
        self.client = root()
        self.client.sys.enable_auth_method("approle")
        self.addCleanup(self.client.sys.disable_auth_method, "approle")
        self.approle = self.client.auth.approle

    def test_roles_and_login(self):
        self.approle.create_or_update_approle("app", token_policies=["p"], token_ttl="10m", token_max_ttl="1h", secret_id_num_uses=2)
        self.assertEqual(self.approle.list_roles()["data"]["keys"], ["app"])
        self.assertEqual(self.approle.read_role("app")["data"]["token_ttl"], 600)
        role_id = self.approle.read_role_id("app")["data"]["role_id"]
        made = self.approle.generate_secret_id("app", metadata={"team": "a"})["data"]
        app = hvac.Client(url=ADDRESS)
        login = app.auth.approle.login(role_id=role_id, secret_id=made["secret_id"])
        self.assertEqual(login["auth"]["metadata"], {"team": "a", "role_name": "app"})
        self.assertTrue(app.is_authenticated())
        self.assertEqual(self.approle.read_secret_id("app", made["secret_id"])["data"]["secret_id_num_uses"], 1)
        self.assertEqual(self.approle.list_secret_id_accessors("app")["data"]["keys"], [made["secret_id_accessor"]])
        self.assertEqual(self.approle.read_secret_id_accessor("app", made["secret_id_accessor"])["data"]["metadata"], {"team": "a"})
        self.approle.destroy_secret_id_accessor("app", made["secret_id_accessor"])
        with self.assertRaisesRegex(InvalidRequest, "invalid role or secret ID"):
            app.auth.approle.login(role_id=role_id, secret_id=made["secret_id"])
        self.approle.create_custom_secret_id("app", "chosen by hand")
        app.auth.approle.login(role_id=role_id, secret_id="chosen by hand")
        self.approle.destroy_secret_id("app", "chosen by hand")
        self.approle.update_role_id("app", "chosen-role-id")
        self.assertEqual(self.approle.read_role_id("app")["data"]["role_id"], "chosen-role-id")
        self.approle.delete_role("app")
        with self.assertRaises(InvalidPath):
            self.approle.read_role("app")


class Jwt(unittest.TestCase):
    def test_static_key(self):
        client = root()
        client.sys.enable_auth_method("jwt", path="hvac-jwt")
        self.addCleanup(client.sys.disable_auth_method, "hvac-jwt")
        client.auth.jwt.configure(jwt_validation_pubkeys=[PUBLIC_KEY], path="hvac-jwt")
        client.auth.jwt.create_role("ci", user_claim="sub", allowed_redirect_uris=[], role_type="jwt", bound_audiences=["coffer"], bound_claims={"env": "prod"}, token_policies=["ci"], path="hvac-jwt")
        self.assertEqual(client.auth.jwt.list_roles(path="hvac-jwt")["data"]["keys"], ["ci"])
        self.assertEqual(client.auth.jwt.read_role("ci", path="hvac-jwt")["data"]["bound_claims"], {"env": "prod"})
        job = hvac.Client(url=ADDRESS)
        login = job.auth.jwt.jwt_login("ci", JWT, path="hvac-jwt")
        self.assertEqual(login["auth"]["policies"], ["ci", "default"])
        self.assertTrue(job.is_authenticated())
        with self.assertRaises(InvalidRequest):
            job.auth.jwt.jwt_login("ci", JWT[:-4] + "AAAA", path="hvac-jwt")
        client.auth.jwt.delete_role("ci", path="hvac-jwt")


class Ldap(unittest.TestCase):
    def test_users_groups_and_login(self):
        client = root()
        client.sys.enable_auth_method("ldap", path="hvac-ldap")
        self.addCleanup(client.sys.disable_auth_method, "hvac-ldap")
        at = {"mount_point": "hvac-ldap"}
        ldap = client.auth.ldap
        ldap.configure(
            url=os.environ["TEST_LDAP_URL"], userdn=os.environ["TEST_LDAP_PEOPLE"], groupdn=os.environ["TEST_LDAP_GROUPS"], userattr="uid", binddn=os.environ["TEST_LDAP_BINDDN"],
            bindpass=os.environ["TEST_LDAP_BINDPASS"], certificate=os.environ["TEST_LDAP_CA"], insecure_tls=False, discoverdn=False, token_ttl="15m", **at
        )
        self.assertEqual(ldap.read_configuration(**at)["data"]["userattr"], "uid")
        ldap.create_or_update_group("Developers", policies=["dev"], **at)
        ldap.create_or_update_user("ann", policies=["of-ann"], groups=["local"], **at)
        self.assertEqual(ldap.list_groups(**at)["data"]["keys"], ["developers"])
        self.assertEqual(ldap.read_group("developers", **at)["data"]["policies"], ["dev"])
        self.assertEqual(ldap.list_users(**at)["data"]["keys"], ["ann"])
        self.assertEqual(ldap.read_user("ann", **at)["data"]["groups"], "local")
        person = hvac.Client(url=ADDRESS)
        with self.assertRaisesRegex(InvalidRequest, "invalid credentials"):
            person.auth.ldap.login("ann", "wrong", **at)
        self.assertEqual(person.auth.ldap.login("ann", "secret of ann", **at)["auth"]["policies"], ["default", "dev", "of-ann"])
        self.assertTrue(person.is_authenticated())
        ldap.delete_group("developers", **at)
        ldap.delete_user("ann", **at)
        with self.assertRaises(InvalidPath):
            ldap.read_user("ann", **at)


class Radius(unittest.TestCase):
    def test_users_and_login(self):
        client = root()
        client.sys.enable_auth_method("radius")
        self.addCleanup(client.sys.disable_auth_method, "radius")
        radius = client.auth.radius
        radius.configure("127.0.0.1", os.environ["TEST_RADIUS_SECRET"], port=int(os.environ["TEST_RADIUS_PORT"]), unregistered_user_policies=["guest"])
        self.assertEqual(radius.read_configuration()["data"]["unregistered_user_policies"], ["guest"])
        person = hvac.Client(url=ADDRESS)
        self.assertEqual(person.auth.radius.login("ann", "secret of ann")["auth"]["policies"], ["default", "guest"])
        radius.register_user("ann", policies=["of-ann"])
        self.assertEqual(radius.list_users()["data"]["keys"], ["ann"])
        self.assertEqual(radius.read_user("ann")["data"]["policies"], ["of-ann"])
        self.assertEqual(person.auth.radius.login("ann", "secret of ann")["auth"]["policies"], ["default", "of-ann"])
        self.assertTrue(person.is_authenticated())
        with self.assertRaisesRegex(InvalidRequest, "access denied by the authentication server"):
            person.auth.radius.login("ann", "wrong")
        radius.delete_user("ann")
        with self.assertRaises(InvalidPath):
            radius.read_user("ann")


class Github(unittest.TestCase):
    def test_maps_and_login(self):
        client = root()
        client.sys.enable_auth_method("github")
        self.addCleanup(client.sys.disable_auth_method, "github")
        client.auth.github.configure(organization="acme", base_url=os.environ["TEST_GITHUB_URL"], ttl="15m")
        self.assertEqual(client.auth.github.read_configuration()["data"]["organization"], "acme")
        client.auth.github.map_team("core", policies=["core", "shared"])
        client.auth.github.map_user("octocat", policies=["of-octocat"])
        self.assertEqual(client.auth.github.read_team_mapping("core")["data"]["value"], "core,shared")
        self.assertEqual(client.auth.github.read_user_mapping("octocat")["data"]["value"], "of-octocat")
        person = hvac.Client(url=ADDRESS)
        with self.assertRaises(InvalidRequest):
            person.auth.github.login("nonsense")
        login = person.auth.github.login(os.environ["TEST_GITHUB_TOKEN"])
        self.assertEqual(login["auth"]["policies"], ["core", "default", "of-octocat", "shared"])
        self.assertEqual(login["auth"]["lease_duration"], 900)
        self.assertTrue(person.is_authenticated())


class Aws(unittest.TestCase):
    """hvac signs the request itself: an implementation of Signature Version 4 that is neither ours nor the fake's."""

    def test_iam_login(self):
        client = root()
        client.sys.enable_auth_method("aws")
        self.addCleanup(client.sys.disable_auth_method, "aws")
        aws = client.auth.aws
        aws.configure(sts_endpoint=os.environ["TEST_AWS_URL"], iam_endpoint=os.environ["TEST_AWS_URL"], iam_server_id_header_value="vault.example")
        self.assertEqual(aws.read_config()["iam_server_id_header_value"], "vault.example")
        aws.configure_identity_integration(iam_alias="full_arn")
        self.assertEqual(aws.read_identity_integration()["iam_alias"], "full_arn")
        aws.create_role("app", auth_type="iam", bound_iam_principal_arn=[os.environ["TEST_AWS_ARN"]], resolve_aws_unique_ids=False, policies=["app"])
        self.assertEqual(aws.list_roles()["keys"], ["app"])
        self.assertEqual(aws.read_role("app")["bound_iam_principal_arn"], [os.environ["TEST_AWS_ARN"]])
        workload = hvac.Client(url=ADDRESS)
        keys = (os.environ["TEST_AWS_KEY"], os.environ["TEST_AWS_SECRET"])
        login = workload.auth.aws.iam_login(*keys, header_value="vault.example", role="app")
        self.assertEqual(login["auth"]["policies"], ["app", "default"])
        self.assertTrue(workload.is_authenticated())
        with self.assertRaisesRegex(InvalidRequest, "missing header"):
            workload.auth.aws.iam_login(*keys, role="app")
        with self.assertRaises(InvalidRequest):
            workload.auth.aws.iam_login(keys[0], "another key", header_value="vault.example", role="app")
        aws.delete_role("app")


class Azure(unittest.TestCase):
    def test_login(self):
        client = root()
        client.sys.enable_auth_method("azure")
        self.addCleanup(client.sys.disable_auth_method, "azure")
        azure = client.auth.azure
        azure.configure(tenant_id=os.environ["TEST_AZURE_TENANT"], resource="https://vault.example", environment="AzurePublicCloud")
        client.write("auth/azure/config", jwks_url=os.environ["TEST_ISSUER_KEYS"])
        self.assertEqual(azure.read_config()["resource"], "https://vault.example")
        azure.create_role("app", policies=["app"], bound_service_principal_ids=["object-1"])
        self.assertEqual(azure.list_roles()["keys"], ["app"])
        self.assertEqual(azure.read_role("app")["bound_service_principal_ids"], ["object-1"])
        workload = hvac.Client(url=ADDRESS)
        self.assertEqual(workload.auth.azure.login("app", os.environ["TEST_AZURE_JWT"])["auth"]["policies"], ["app", "default"])
        with self.assertRaises(InvalidRequest):
            workload.auth.azure.login("app", os.environ["TEST_AZURE_JWT"], subscription_id="aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", resource_group_name="x", vm_name="y")
        azure.delete_role("app")
        azure.delete_config()


class Gcp(unittest.TestCase):
    def test_login(self):
        client = root()
        client.sys.enable_auth_method("gcp")
        self.addCleanup(client.sys.disable_auth_method, "gcp")
        gcp = client.auth.gcp
        account = os.environ["TEST_GCP_ACCOUNT"]
        client.write("auth/gcp/config", custom_endpoint={"api": os.environ["TEST_GOOGLE_URL"]})
        gcp.create_role("app", role_type="iam", project_id="acme-prod", policies=["app"], bound_service_accounts=["other"])
        gcp.edit_service_accounts_on_iam_role("app", add=[account], remove=["other"])
        self.assertEqual(gcp.list_roles()["keys"], ["app"])
        self.assertEqual(gcp.read_role("app")["bound_service_accounts"], [account])
        workload = hvac.Client(url=ADDRESS)
        self.assertEqual(workload.auth.gcp.login("app", os.environ["TEST_GCP_JWT"])["auth"]["policies"], ["app", "default"])
        self.assertTrue(workload.is_authenticated())
        gcp.delete_role("app")


class Nobody(unittest.TestCase):
    def test_without_a_token(self):
        with self.assertRaises(Forbidden):
            hvac.Client(url=ADDRESS).sys.list_auth_methods()


if __name__ == "__main__":
    unittest.main()
