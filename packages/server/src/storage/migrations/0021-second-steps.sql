-- Whether the login that gave a token included a second step.

set local search_path = coffer, pg_catalog;
set local role coffer_owner;

alter table tokens add column mfa boolean not null default false;

-- As in 0015, with that.
create or replace function login_write(p_org uuid, p_mounts uuid[], p_paths text[], p_principals json, p_aliases json, p_tokens json, p_records json) returns void
language plpgsql
set search_path = coffer, pg_catalog
as $$
begin
  -- First: nothing is written for a mount that is being ended (0018).
  perform auth_mounts_stay(p_org, p_mounts, p_paths);
  if p_principals is not null then
    insert into principals (org_id, principal_id, kind, name, display_name, policies, disabled, metadata, merged_ids, created_at, updated_at, row_version, mac)
      select p_org, r.principal_id, r.kind, r.name, r.display_name, r.policies, r.disabled, r.metadata, r.merged_ids, r.created_at, r.updated_at, r.row_version, r.mac
      from json_populate_recordset(null::principals, p_principals) r;
    insert into principal_aliases (org_id, alias_id, mount_id, name, principal_id, metadata, custom_metadata, merged_from, created_at, updated_at, row_version, mac)
      select p_org, r.alias_id, r.mount_id, r.name, r.principal_id, r.metadata, r.custom_metadata, r.merged_from, r.created_at, r.updated_at, r.row_version, r.mac
      from json_populate_recordset(null::principal_aliases, p_aliases) r;
  end if;
  if p_tokens is not null then
    insert into tokens (org_id, token_id, lookup, accessor, principal_id, display_name, policies, issue_path, bound_cidrs, metadata,
        num_uses, uses_left, ttl_seconds, period_seconds, explicit_max_ttl_seconds, renewable, issued_at, expires_at, mfa, row_version, mac)
      select p_org, r.token_id, r.lookup, r.accessor, r.principal_id, r.display_name, r.policies, r.issue_path, r.bound_cidrs, r.metadata,
        -- The release before does not say it.
        r.num_uses, r.uses_left, r.ttl_seconds, r.period_seconds, r.explicit_max_ttl_seconds, r.renewable, r.issued_at, r.expires_at, coalesce(r.mfa, false), r.row_version, r.mac
      from json_populate_recordset(null::tokens, p_tokens) r;
  end if;
  insert into audit_events (org_id, at, id, record, digest, event_type, action, decision, principal, project, environment, path, request_id)
    select p_org, r.at, r.id, r.record, r.digest, r."eventType", r.action, r.decision, r.principal, r.project, r.environment, r.path, r."requestId"
    from json_to_recordset(p_records) as r(at timestamptz, id uuid, record text, digest bytea, "eventType" text, action text, decision text, principal text, project text, environment text, path text, "requestId" text);
end $$;
