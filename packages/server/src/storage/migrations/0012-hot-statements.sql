-- Hot statements whose cost must not depend on how much there is: the look-up of a secret with many versions, and the first login
-- of a workload, of which a cluster that boots sends thousands.

set local search_path = coffer, pg_catalog;
set local role coffer_owner;

-- As before, but the selector is resolved once and before the versions are looked at: as a condition of the join it was evaluated for
-- every version of the secret.
create or replace function secret_lookup(p_org uuid, p_mount uuid, p_environment text, p_path text, p_selector text)
returns table (
  secret_id uuid, type text, owner_team text, description text, rotation_strategy text, custom_metadata jsonb, settings jsonb,
  last_version bigint, revision bigint, created_by text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz, mac bytea,
  mount_id uuid, environment text, path text,
  aliases jsonb,
  v_version bigint, v_type text, v_ciphertext bytea, v_wrapped_dek bytea, v_kek_id uuid, v_kek_version integer, v_state text,
  v_fingerprint text, v_created_by text, v_created_at timestamptz, v_expires_at timestamptz, v_deleted_at timestamptz, v_row_version bigint, v_mac bytea)
language plpgsql
set search_path = coffer, pg_catalog
as $$
#variable_conflict use_column
begin
  perform set_config('coffer.org', p_org::text, true);
  return query
    select s.secret_id, s.type, s.owner_team, s.description, s.rotation_strategy, s.custom_metadata, s.settings,
      s.last_version, s.revision, s.created_by, s.created_at, s.updated_at, s.deleted_at, s.mac,
      s.mount_id, s.environment, s.path,
      coalesce((select jsonb_agg(jsonb_build_array(a.alias, a.version, a.row_version, encode(a.mac, 'hex'), extract(epoch from a.updated_at) * 1000))
         from secret_aliases a where a.org_id = p_org and a.secret_id = s.secret_id), '[]'::jsonb),
      v.version, v.type, v.ciphertext, v.wrapped_dek, v.kek_id, v.kek_version, v.state,
      v.fingerprint, v.created_by, v.created_at, v.expires_at, v.deleted_at, v.row_version, v.mac
    from secrets s
    left join lateral (select case when p_selector ~ '^[0-9]{1,18}$' then p_selector::bigint
      else (select a.version from secret_aliases a where a.org_id = p_org and a.secret_id = s.secret_id and a.alias = p_selector) end as version offset 0) w on true
    left join secret_versions v on v.org_id = p_org and v.secret_id = s.secret_id and v.version = w.version
    where s.org_id = p_org and s.mount_id = p_mount and s.environment = p_environment and s.path = p_path;
end $$;

-- A principal with its first alias, and with its token where that has a row, together with the audit record. Unique violations say
-- that there is one already, or since a moment.
create function login_first(p_org uuid, p_principal jsonb, p_principal_mac bytea, p_alias jsonb, p_alias_mac bytea, p_token jsonb, p_lookup bytea, p_token_mac bytea,
  p_audit_id uuid, p_at timestamptz, p_record text, p_digest bytea, p_audit jsonb) returns void
language plpgsql
set search_path = coffer, pg_catalog
as $$
begin
  perform set_config('coffer.org', p_org::text, true);
  insert into principals (org_id, principal_id, kind, name, display_name, policies, disabled, metadata, merged_ids, created_at, updated_at, row_version, mac)
    select p_org, r.principal_id, r.kind, r.name, r.display_name, r.policies, r.disabled, r.metadata, r.merged_ids, r.created_at, r.updated_at, r.row_version, p_principal_mac
    from jsonb_populate_record(null::principals, p_principal) r;
  insert into principal_aliases (org_id, alias_id, mount_id, name, principal_id, metadata, custom_metadata, merged_from, created_at, updated_at, row_version, mac)
    select p_org, r.alias_id, r.mount_id, r.name, r.principal_id, r.metadata, r.custom_metadata, r.merged_from, r.created_at, r.updated_at, r.row_version, p_alias_mac
    from jsonb_populate_record(null::principal_aliases, p_alias) r;
  if p_token is null then
    perform audit_write(p_org, p_audit_id, p_at, p_record, p_digest, p_audit);
  else
    perform token_issue(p_org, p_token, p_lookup, p_token_mac, p_audit_id, p_at, p_record, p_digest, p_audit);
  end if;
end $$;

revoke all on function login_first(uuid, jsonb, bytea, jsonb, bytea, jsonb, bytea, bytea, uuid, timestamptz, text, bytea, jsonb) from public;
grant execute on function login_first(uuid, jsonb, bytea, jsonb, bytea, jsonb, bytea, bytea, uuid, timestamptz, text, bytea, jsonb) to coffer_app;

-- Until a table is analysed for the first time the planner believes that one organization has hardly a row in it. Every index that begins
-- with org_id then looks as good as the one whose whole key is given, and a plan that reads all rows of the organization stays with its
-- connection: each of ten thousand first logins would look through all principals that there are. PostgreSQL 18 can be told beforehand; older ones
-- learn it from autovacuum within a minute or so.
do $$
declare t text;
begin
  if current_setting('server_version_num')::integer < 180000 then return; end if;
  for t in
    select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped
    where c.relnamespace = 'coffer'::regnamespace and c.relkind = 'r' and not exists (select from pg_stats s where s.schemaname = 'coffer' and s.tablename = c.relname and s.attname = 'org_id')
  loop
    -- As text, because older servers do not know the function.
    execute $q$select pg_restore_attribute_stats('schemaname', 'coffer', 'relname', $1, 'attname', 'org_id', 'inherited', false, 'null_frac', 0::real, 'avg_width', 16, 'n_distinct', 1::real)$q$ using t;
  end loop;
end $$;
