-- Versions that a write drops because its secret keeps only so many: for several secrets at once, each between what is known to be gone and the last
-- that goes. Without the lower end a secret that was written a hundred thousand times was read as often.

set local search_path = coffer, pg_catalog;
set local role coffer_owner;

create function secret_versions_between(p_org uuid, p_secrets uuid[], p_after bigint[], p_until bigint[])
returns table (n bigint, version bigint, type text, kek_id uuid, kek_version integer, state text, fingerprint text, created_by text, created_at timestamptz, expires_at timestamptz, deleted_at timestamptz, row_version bigint, mac bytea)
language plpgsql
set search_path = coffer, pg_catalog
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
  perform set_config('coffer.org', p_org::text, true);
  return query
    select w.n, v.version, v.type, v.kek_id, v.kek_version, v.state, v.fingerprint, v.created_by, v.created_at, v.expires_at, v.deleted_at, v.row_version, v.mac
    from unnest(p_secrets, p_after, p_until) with ordinality as w (secret_id, after, until, n)
    cross join lateral (
      select * from secret_versions v where v.org_id = p_org and v.secret_id = w.secret_id and v.version > w.after and v.version <= w.until and v.state <> 'DESTROYED' order by v.version limit 1000) v;
end $$;

-- As before, but the version is found by its whole key, and not among all that the secret has.
create or replace function secret_lookup_many(p_org uuid, p_mounts uuid[], p_environments text[], p_paths text[])
returns table (
  n bigint, secret_id uuid, type text, owner_team text, description text, rotation_strategy text, custom_metadata jsonb, settings jsonb,
  last_version bigint, revision bigint, created_by text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz, mac bytea,
  mount_id uuid, environment text, path text,
  aliases jsonb,
  v_version bigint, v_type text, v_kek_id uuid, v_kek_version integer, v_state text,
  v_fingerprint text, v_created_by text, v_created_at timestamptz, v_expires_at timestamptz, v_deleted_at timestamptz, v_row_version bigint, v_mac bytea)
language plpgsql
set search_path = coffer, pg_catalog
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
begin
  perform set_config('coffer.org', p_org::text, true);
  return query
    select p.n, s.secret_id, s.type, s.owner_team, s.description, s.rotation_strategy, s.custom_metadata, s.settings,
      s.last_version, s.revision, s.created_by, s.created_at, s.updated_at, s.deleted_at, s.mac,
      s.mount_id, s.environment, s.path,
      coalesce((select jsonb_agg(jsonb_build_array(a.alias, a.version, a.row_version, encode(a.mac, 'hex'), extract(epoch from a.updated_at) * 1000))
         from secret_aliases a where a.org_id = p_org and a.secret_id = s.secret_id), '[]'::jsonb),
      v.version, v.type, v.kek_id, v.kek_version, v.state,
      v.fingerprint, v.created_by, v.created_at, v.expires_at, v.deleted_at, v.row_version, v.mac
    from unnest(p_mounts, p_environments, p_paths) with ordinality as p (mount_id, environment, path, n)
    join secrets s on s.org_id = p_org and s.mount_id = p.mount_id and s.environment = p.environment and s.path = p.path
    left join secret_aliases c on c.org_id = p_org and c.secret_id = s.secret_id and c.alias = 'current'
    left join lateral (select * from secret_versions v where v.org_id = p_org and v.secret_id = s.secret_id and v.version = c.version offset 0) v on true;
end $$;

revoke all on function secret_versions_between(uuid, uuid[], bigint[], bigint[]) from public;
grant execute on function secret_versions_between(uuid, uuid[], bigint[], bigint[]) to coffer_app;
