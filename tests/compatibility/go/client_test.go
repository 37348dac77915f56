// Vault's own Go client, unmodified, against a running server: VAULT_ADDR and VAULT_TOKEN say which. Everything that is
// built on it (command line, agents, operators, Terraform) speaks as it does.
package vaultapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"
)

func root(t *testing.T) *api.Client {
	t.Helper()
	client, err := api.NewClient(api.DefaultConfig())
	must(t, err)
	client.SetMaxRetries(0)
	return client
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func status(t *testing.T, err error, code int) *api.ResponseError {
	t.Helper()
	var response *api.ResponseError
	if !errors.As(err, &response) || response.StatusCode != code {
		t.Fatalf("wanted status %d, got %v", code, err)
	}
	return response
}

func equal[T comparable](t *testing.T, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestKvV2(t *testing.T) {
	ctx := context.Background()
	client := root(t)
	kv := client.KVv2("secret")
	first, err := kv.Put(ctx, "go/app", map[string]interface{}{"a": "1"})
	must(t, err)
	equal(t, first.VersionMetadata.Version, 1)
	_, err = kv.Put(ctx, "go/app", map[string]interface{}{"a": "2"}, api.WithCheckAndSet(1))
	must(t, err)
	_, err = kv.Put(ctx, "go/app", map[string]interface{}{"a": "3"}, api.WithCheckAndSet(1))
	if response := status(t, err, http.StatusBadRequest); !strings.Contains(response.Errors[0], "check-and-set parameter did not match") {
		t.Fatal(response.Errors)
	}
	_, err = kv.Patch(ctx, "go/app", map[string]interface{}{"b": "x"})
	must(t, err)
	read, err := kv.Get(ctx, "go/app")
	must(t, err)
	equal(t, read.Data["a"], interface{}("2"))
	equal(t, read.Data["b"], interface{}("x"))
	old, err := kv.GetVersion(ctx, "go/app", 1)
	must(t, err)
	equal(t, old.Data["a"], interface{}("1"))
	must(t, kv.Delete(ctx, "go/app"))
	gone, err := kv.Get(ctx, "go/app")
	must(t, err)
	if gone.Data != nil || gone.VersionMetadata.DeletionTime.IsZero() {
		t.Fatal("a deleted version has metadata and no data")
	}
	must(t, kv.Undelete(ctx, "go/app", []int{3}))
	must(t, kv.DeleteVersions(ctx, "go/app", []int{1}))
	must(t, kv.Destroy(ctx, "go/app", []int{1}))
	versions, err := kv.GetVersionsAsList(ctx, "go/app")
	must(t, err)
	equal(t, len(versions), 3)
	equal(t, versions[0].Destroyed, true)
	back, err := kv.Rollback(ctx, "go/app", 2)
	must(t, err)
	equal(t, back.VersionMetadata.Version, 4)
	must(t, kv.PutMetadata(ctx, "go/app", api.KVMetadataPutInput{MaxVersions: 7, CustomMetadata: map[string]interface{}{"team": "a"}}))
	must(t, kv.PatchMetadata(ctx, "go/app", api.KVMetadataPatchInput{CustomMetadata: map[string]interface{}{"more": "b"}}))
	metadata, err := kv.GetMetadata(ctx, "go/app")
	must(t, err)
	equal(t, metadata.MaxVersions, 7)
	equal(t, metadata.CustomMetadata["team"], interface{}("a"))
	list, err := client.Logical().List("secret/metadata/go")
	must(t, err)
	equal(t, list.Data["keys"].([]interface{})[0], interface{}("app"))
	must(t, kv.DeleteMetadata(ctx, "go/app"))
	_, err = kv.Get(ctx, "go/app")
	if !errors.Is(err, api.ErrSecretNotFound) {
		t.Fatal(err)
	}
	nothing, err := client.Logical().List("secret/metadata/go")
	must(t, err)
	if nothing != nil {
		t.Fatal("an empty list is no secret")
	}
}

func TestKvV1(t *testing.T) {
	ctx := context.Background()
	client := root(t)
	must(t, client.Sys().Mount("go-one", &api.MountInput{Type: "kv", Options: map[string]string{"version": "1"}}))
	kv := client.KVv1("go-one")
	must(t, kv.Put(ctx, "a/b", map[string]interface{}{"user": "x"}))
	read, err := kv.Get(ctx, "a/b")
	must(t, err)
	equal(t, read.Data["user"], interface{}("x"))
	must(t, kv.Delete(ctx, "a/b"))
	_, err = kv.Get(ctx, "a/b")
	if !errors.Is(err, api.ErrSecretNotFound) {
		t.Fatal(err)
	}
	must(t, client.Sys().Unmount("go-one"))
}

func TestTokens(t *testing.T) {
	client := root(t)
	renewable := true
	made, err := client.Auth().Token().Create(&api.TokenCreateRequest{Policies: []string{"default"}, TTL: "1h", DisplayName: "go", Metadata: map[string]string{"a": "b"}, Renewable: &renewable})
	must(t, err)
	equal(t, made.Auth.LeaseDuration, 3600)
	holder, err := client.Clone()
	must(t, err)
	holder.SetToken(made.Auth.ClientToken)
	self, err := holder.Auth().Token().LookupSelf()
	must(t, err)
	equal(t, self.Data["display_name"], interface{}("token-go"))
	ttl, err := self.TokenTTL()
	must(t, err)
	if ttl.Seconds() < 3500 {
		t.Fatal(ttl)
	}
	isRenewable, err := self.TokenIsRenewable()
	must(t, err)
	equal(t, isRenewable, true)
	policies, err := self.TokenPolicies()
	must(t, err)
	equal(t, strings.Join(policies, ","), "default")
	renewed, err := holder.Auth().Token().RenewSelf(1800)
	must(t, err)
	equal(t, renewed.Auth.LeaseDuration, 1800)
	_, err = holder.Sys().ListMounts()
	status(t, err, http.StatusForbidden)
	_, err = client.Auth().Token().LookupAccessor(made.Auth.Accessor)
	must(t, err)
	must(t, client.Auth().Token().RevokeAccessor(made.Auth.Accessor))
	_, err = holder.Auth().Token().LookupSelf()
	status(t, err, http.StatusForbidden)
	orphan, err := client.Auth().Token().CreateOrphan(&api.TokenCreateRequest{Policies: []string{"default"}})
	must(t, err)
	equal(t, orphan.Auth.Orphan, true)
	must(t, client.Auth().Token().RevokeTree(orphan.Auth.ClientToken))
	_, err = client.Logical().Write("auth/token/roles/go", map[string]interface{}{"allowed_policies": []string{"default"}})
	must(t, err)
	_, err = client.Auth().Token().CreateWithRole(&api.TokenCreateRequest{}, "go")
	must(t, err)
}

func TestSystem(t *testing.T) {
	client := root(t)
	health, err := client.Sys().Health()
	must(t, err)
	equal(t, health.Initialized && !health.Sealed && !health.Standby, true)
	sealed, err := client.Sys().SealStatus()
	must(t, err)
	equal(t, sealed.Sealed, false)
	leader, err := client.Sys().Leader()
	must(t, err)
	equal(t, leader.IsSelf, true)
	must(t, client.Sys().PutPolicy("go", `path "secret/data/go/*" { capabilities = ["read"] }`))
	policy, err := client.Sys().GetPolicy("go")
	must(t, err)
	equal(t, strings.Contains(policy, "secret/data/go"), true)
	policies, err := client.Sys().ListPolicies()
	must(t, err)
	equal(t, strings.Contains(strings.Join(policies, " "), "go"), true)
	must(t, client.Sys().DeletePolicy("go"))
	missing, err := client.Sys().GetPolicy("go")
	must(t, err)
	equal(t, missing, "")
	mounts, err := client.Sys().ListMounts()
	must(t, err)
	equal(t, mounts["secret/"].Options["version"], "2")
	must(t, client.Sys().Mount("go-two", &api.MountInput{Type: "kv-v2", Config: api.MountConfigInput{DefaultLeaseTTL: "1h"}}))
	config, err := client.Sys().MountConfig("go-two")
	must(t, err)
	equal(t, config.DefaultLeaseTTL, 3600)
	must(t, client.Sys().TuneMount("go-two", api.MountConfigInput{MaxLeaseTTL: "2h"}))
	must(t, client.Sys().Remount("go-two", "go-three"))
	must(t, client.Sys().Unmount("go-three"))
	methods, err := client.Sys().ListAuth()
	must(t, err)
	equal(t, methods["token/"].Type, "token")
	capabilities, err := client.Sys().CapabilitiesSelf("secret/data/x")
	must(t, err)
	equal(t, strings.Join(capabilities, ","), "root")
	audits, err := client.Sys().ListAudit()
	must(t, err)
	equal(t, len(audits), 1)
	must(t, client.Sys().Rotate())
	_, err = client.Sys().KeyStatus()
	must(t, err)
	plugins, err := client.Sys().ListPlugins(&api.ListPluginsInput{})
	must(t, err)
	equal(t, len(plugins.PluginsByType[api.PluginTypeSecrets]) > 0, true)
	_, err = client.Logical().Read("sys/internal/ui/mounts/secret/x")
	must(t, err)
}

func TestWrapping(t *testing.T) {
	client := root(t)
	_, err := client.Logical().Write("cubbyhole/go", map[string]interface{}{"a": "1"})
	must(t, err)
	wrapping, err := client.Clone()
	must(t, err)
	wrapping.SetToken(client.Token())
	wrapping.SetWrappingLookupFunc(func(_, _ string) string { return "5m" })
	wrapped, err := wrapping.Logical().Read("cubbyhole/go")
	must(t, err)
	equal(t, wrapped.WrapInfo.TTL, 300)
	equal(t, wrapped.WrapInfo.CreationPath, "cubbyhole/go")
	opened, err := client.Logical().Unwrap(wrapped.WrapInfo.Token)
	must(t, err)
	equal(t, opened.Data["a"], interface{}("1"))
	_, err = client.Logical().Unwrap(wrapped.WrapInfo.Token)
	status(t, err, http.StatusBadRequest)
}

func TestNamespaces(t *testing.T) {
	client := root(t)
	_, err := client.Logical().Write("sys/namespaces/go-ns", nil)
	must(t, err)
	below := client.WithNamespace("go-ns")
	_, err = below.KVv2("secret").Put(context.Background(), "x", map[string]interface{}{"here": "1"})
	must(t, err)
	_, err = client.KVv2("secret").Get(context.Background(), "x")
	if !errors.Is(err, api.ErrSecretNotFound) {
		t.Fatal(err)
	}
}
