-- What a login and a batch token ask of the database, each in one round trip.

set local search_path = coffer, pg_catalog;
set local role coffer_owner;

-- A principal with everything that it is granted.
create function principal_grants(p_org uuid, p_principal uuid)
returns table (principal jsonb, groups jsonb, bindings jsonb)
language plpgsql
set search_path = coffer, pg_catalog
as $$
#variable_conflict use_column
begin
  perform set_config('coffer.org', p_org::text, true);
  return query
    select to_jsonb(p),
      coalesce((select jsonb_agg(jsonb_build_object('group', to_jsonb(g), 'member', to_jsonb(m)))
         from group_members m join groups g on g.org_id = p_org and g.group_id = m.group_id
         where m.org_id = p_org and m.principal_id = p_principal), '[]'::jsonb),
      coalesce((select jsonb_agg(to_jsonb(b)) from role_bindings b where b.org_id = p_org and (b.principal_id = p_principal
         or b.group_id in (select m.group_id from group_members m where m.org_id = p_org and m.principal_id = p_principal))), '[]'::jsonb)
    from principals p where p.org_id = p_org and p.principal_id = p_principal;
end $$;

-- A new token with the audit record of its making.
create function token_issue(p_org uuid, p_row jsonb, p_lookup bytea, p_mac bytea, p_audit_id uuid, p_at timestamptz, p_record text, p_digest bytea, p_audit jsonb) returns void
language plpgsql
set search_path = coffer, pg_catalog
as $$
begin
  perform set_config('coffer.org', p_org::text, true);
  insert into tokens (org_id, token_id, lookup, accessor, principal_id, parent_id, display_name, policies, is_root, lock_mount_id, lock_environment,
      issue_path, bound_cidrs, metadata, num_uses, uses_left, ttl_seconds, period_seconds, explicit_max_ttl_seconds, renewable, issued_at, expires_at, row_version, mac)
    select p_org, r.token_id, p_lookup, r.accessor, r.principal_id, r.parent_id, r.display_name, r.policies, r.is_root, r.lock_mount_id, r.lock_environment,
      r.issue_path, r.bound_cidrs, r.metadata, r.num_uses, r.uses_left, r.ttl_seconds, r.period_seconds, r.explicit_max_ttl_seconds, r.renewable, r.issued_at, r.expires_at, r.row_version, p_mac
    from jsonb_populate_record(null::tokens, p_row) r;
  perform audit_write(p_org, p_audit_id, p_at, p_record, p_digest, p_audit);
end $$;

revoke all on function principal_grants(uuid, uuid), token_issue(uuid, jsonb, bytea, bytea, uuid, timestamptz, text, bytea, jsonb) from public;
grant execute on function principal_grants(uuid, uuid), token_issue(uuid, jsonb, bytea, bytea, uuid, timestamptz, text, bytea, jsonb) to coffer_app;
