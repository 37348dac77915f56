-- Several values at once: writes that come while the database is at work are gathered into one statement, each still a change of its own.

set local search_path = coffer, pg_catalog;
set local role coffer_owner;

-- An alias names a version that was written in the same statement or before, and versions are never deleted by themselves. Asking for it anew at each
-- write was a fifth of what a write cost.
alter table secret_aliases drop constraint secret_aliases_org_id_secret_id_version_fkey;
alter table secret_aliases add foreign key (org_id, secret_id) references secrets (org_id, secret_id) on delete cascade;

-- New versions that become current at once, for as many secrets, each at most once. Gives the secrets that were written; the others were changed or made
-- by somebody else, or somebody is changing them now: nobody waits here for another's transaction over a row that is there.
-- p_items[].was is what the caller believes of the rows that carry MACs (services/secrets/writing/known.ts); when they differ, it must look again.
-- p_bytes holds what is not text, from p_items[].start on: four MACs of 33 bytes (the secret's, the version's, those of current and previous), the record's
-- digest, the wrapped key, the ciphertext. Items come in one order for everybody, those that are new are made first: so no two wait for each other.
create function secret_apply_many(p_org uuid, p_items jsonb, p_bytes bytea) returns setof uuid
language plpgsql
set search_path = coffer, pg_catalog
-- One plan for good: by the whole key, whatever the tables hold when it is made.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  written uuid[];
begin
  perform set_config('coffer.org', p_org::text, true);
  with item as materialized (
      select * from jsonb_to_recordset(p_items) as i (
        id uuid, rev bigint, was text, mount uuid, env text, path text, type text, owner text, description text, rotation text, labels jsonb, settings jsonb, sort integer,
        version bigint, previous bigint, replaces boolean, kek uuid, kek_version integer, print text, until timestamptz,
        at timestamptz, by text, event uuid, record text, audit jsonb, start integer, wrapped integer, sealed integer)
    ),
    held as materialized (
      select i.*, concat_ws('|', s.type, s.last_version, coalesce((extract(epoch from s.deleted_at) * 1000)::bigint::text, '-'), encode(s.mac, 'hex'),
          (select string_agg(concat_ws(':', a.alias, a.version, a.row_version, encode(a.mac, 'hex')), ',' order by a.alias) from secret_aliases a where a.org_id = p_org and a.secret_id = i.id),
          (select concat_ws(':', v.version, v.type, v.state, v.fingerprint, (extract(epoch from v.created_at) * 1000)::bigint, coalesce((extract(epoch from v.expires_at) * 1000)::bigint::text, '-'),
             coalesce((extract(epoch from v.deleted_at) * 1000)::bigint::text, '-'), v.row_version, encode(v.mac, 'hex'))
           from secret_versions v where v.org_id = p_org and v.secret_id = i.id and v.version = i.previous)) as found
      from item i cross join lateral (
        select s.* from secrets s
        where s.org_id = p_org and s.secret_id = i.id and s.revision = i.rev and s.mount_id = i.mount and s.environment = i.env and s.path = i.path
        for update skip locked) s
      where i.rev > 0
    ),
    updated as (
      update secrets s set
          type = h.type, owner_team = coalesce(h.owner, s.owner_team), description = coalesce(h.description, s.description), rotation_strategy = coalesce(h.rotation, s.rotation_strategy),
          custom_metadata = coalesce(h.labels, s.custom_metadata), settings = coalesce(h.settings, s.settings), sort_order = coalesce(h.sort, s.sort_order),
          last_version = h.version, revision = h.rev + 1, updated_at = h.at, deleted_at = null, mac = substring(p_bytes from h.start for 33)
        from held h where h.found = h.was and s.org_id = p_org and s.secret_id = h.id
        returning h.*
    ),
    made as (
      insert into secrets (org_id, secret_id, mount_id, environment, path, type, owner_team, description, rotation_strategy, custom_metadata,
          settings, sort_order, last_version, revision, created_by, created_at, updated_at, mac)
        select p_org, i.id, i.mount, i.env, i.path, i.type, i.owner, i.description, i.rotation, i.labels,
          i.settings, i.sort, i.version, 1, i.by, i.at, i.at, substring(p_bytes from i.start for 33)
        from item i where i.rev = 0
      on conflict do nothing
      returning secret_id
    ),
    done as materialized (
      select i.*, null::text as found from made m join item i on i.id = m.secret_id
      union all
      select u.* from updated u
    ),
    versions as (
      insert into secret_versions (org_id, secret_id, version, type, ciphertext, wrapped_dek, kek_id, kek_version, state, fingerprint, created_by, created_at, expires_at, row_version, mac)
        select p_org, d.id, d.version, d.type, substring(p_bytes from d.start + 164 + d.wrapped for d.sealed), substring(p_bytes from d.start + 164 for d.wrapped), d.kek, d.kek_version, 'ACTIVE', d.print,
          d.by, d.at, d.until, d.rev + 1, substring(p_bytes from d.start + 33 for 33)
        from done d
    ),
    moved as (
      update secret_aliases a set version = n.version, updated_at = d.at, row_version = d.rev + 1, mac = substring(p_bytes from d.start + n.mac for 33)
        from done d cross join lateral (values ('current', d.version, 66, d.previous is not null), ('previous', d.previous, 99, d.replaces)) as n (alias, version, mac, is_there)
        where n.is_there and a.org_id = p_org and a.secret_id = d.id and a.alias = n.alias
    ),
    named as (
      insert into secret_aliases (org_id, secret_id, alias, version, updated_at, row_version, mac)
        select p_org, d.id, n.alias, n.version, d.at, d.rev + 1, substring(p_bytes from d.start + n.mac for 33)
        from done d cross join lateral (values ('current', d.version, 66, d.previous is not null), ('previous', d.previous, 99, d.replaces)) as n (alias, version, mac, is_there)
        where n.version is not null and not n.is_there
    ),
    records as (
      insert into audit_events (org_id, at, id, record, digest, event_type, action, decision, principal, project, environment, path, request_id)
        select p_org, d.at, d.event, d.record, substring(p_bytes from d.start + 132 for 32),
          d.audit->>'eventType', d.audit->>'action', d.audit->>'decision', d.audit->>'principal', d.audit->>'project', d.audit->>'environment', d.audit->>'path', d.audit->>'requestId'
        from done d
    ),
    feed as (
      insert into changes (org_id, kind, key) select p_org, 'secret', d.mount || '/' || d.env || '/' || d.path from done d
    )
    select array_agg(d.id) from done d into written;
  if jsonb_path_exists(p_items, '$[*].evicted') then
    update secret_versions v set state = 'DESTROYED', ciphertext = null, wrapped_dek = null, row_version = i.rev + 1, mac = e.mac
      from jsonb_to_recordset(p_items) as i (id uuid, rev bigint, evicted jsonb) cross join lateral jsonb_to_recordset(i.evicted) as e (version bigint, mac bytea)
      where i.id = any(written) and v.org_id = p_org and v.secret_id = i.id and v.version = e.version;
  end if;
  return query select unnest(written);
end $$;

-- What a write must know of the secrets that it is about: all but their values. One row for each that there is, with its place in the lists. The version is
-- found by its whole key, and not among all that the secret has.
create function secret_lookup_many(p_org uuid, p_mounts uuid[], p_environments text[], p_paths text[])
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

-- Versions that a write drops because its secret keeps only so many: for several secrets at once, each between what is known to be gone and the last
-- that goes. Without the lower end a secret that was written a hundred thousand times was read as often.
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

revoke all on function secret_apply_many(uuid, jsonb, bytea), secret_lookup_many(uuid, uuid[], text[], text[]), secret_versions_between(uuid, uuid[], bigint[], bigint[]) from public;
grant execute on function secret_apply_many(uuid, jsonb, bytea), secret_lookup_many(uuid, uuid[], text[], text[]), secret_versions_between(uuid, uuid[], bigint[], bigint[]) to coffer_app;
