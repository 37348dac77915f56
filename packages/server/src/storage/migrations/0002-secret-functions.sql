-- The hot statements of secrets, each one round trip. They run with the caller's rights, so that row-level security
-- holds inside them, and set the organization for their own transaction first.

set local search_path = coffer, pg_catalog;
set local role coffer_owner;

-- Everything that a reveal needs in one row: the secret, its aliases and the version that the selector names.
-- p_selector: an alias, or digits for a version number. No row: no such secret. A row without version: no such version.
create function secret_lookup(p_org uuid, p_mount uuid, p_environment text, p_path text, p_selector text)
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
    left join secret_versions v on v.org_id = p_org and v.secret_id = s.secret_id and v.version =
      case when p_selector ~ '^[0-9]{1,18}$' then p_selector::bigint
      else (select a.version from secret_aliases a where a.org_id = p_org and a.secret_id = s.secret_id and a.alias = p_selector) end
    where s.org_id = p_org and s.mount_id = p_mount and s.environment = p_environment and s.path = p_path;
end $$;

-- The same for all live secrets of an environment (or below a prefix that ends in '/'), in path order.
create function secret_lookup_all(p_org uuid, p_mount uuid, p_environment text, p_prefix text, p_selector text, p_limit integer)
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
    left join secret_aliases c on c.org_id = p_org and c.secret_id = s.secret_id and c.alias = p_selector
    left join secret_versions v on v.org_id = p_org and v.secret_id = s.secret_id and v.version = c.version
    where s.org_id = p_org and s.mount_id = p_mount and s.environment = p_environment and s.deleted_at is null
      and s.path >= p_prefix and (p_prefix = '' or s.path < left(p_prefix, -1) || '0')
    order by s.path
    limit p_limit;
end $$;

-- One change of one secret, whole or not at all: the secret's row, at most one new version, states of others, aliases, the audit
-- record, the change feed and the idempotency key. p_expected_revision is the optimistic lock (0: the secret must not exist).
-- status: ok | conflict (revision differs) | exists (path taken) | repeated (idempotency key seen; answer holds what was told).
create function secret_apply(
  p_org uuid, p_secret uuid, p_expected_revision bigint,
  p_row jsonb, p_row_mac bytea,
  p_version bigint, p_type text, p_ciphertext bytea, p_wrapped_dek bytea, p_kek_id uuid, p_kek_version integer, p_state text,
  p_fingerprint text, p_expires_at timestamptz, p_version_mac bytea,
  p_version_updates jsonb, p_aliases jsonb,
  p_at timestamptz, p_actor text,
  p_audit_id uuid, p_audit_record text, p_audit_digest bytea, p_audit jsonb,
  p_key_mac bytea, p_request_mac bytea, p_answer jsonb)
returns table (status text, xid text, answer jsonb)
language plpgsql
set search_path = coffer, pg_catalog
as $$
#variable_conflict use_column
declare
  found_revision bigint;
  seen record;
  u jsonb;
begin
  perform set_config('coffer.org', p_org::text, true);
  if p_key_mac is not null then
    select i.request_mac, i.answer into seen from idempotency i where i.org_id = p_org and i.key_mac = p_key_mac and i.expires_at > now();
    if found then
      return query select case when seen.request_mac = p_request_mac then 'repeated' else 'mismatch' end, null::text, seen.answer;
      return;
    end if;
  end if;
  if p_expected_revision = 0 then
    insert into secrets (org_id, secret_id, mount_id, environment, path, type, owner_team, description, rotation_strategy, custom_metadata,
        settings, sort_order, last_version, revision, created_by, created_at, updated_at, deleted_at, mac)
      values (p_org, p_secret, (p_row->>'mount_id')::uuid, p_row->>'environment', p_row->>'path', p_row->>'type', p_row->>'owner_team',
        p_row->>'description', p_row->>'rotation_strategy', p_row->'custom_metadata', p_row->'settings', (p_row->>'sort_order')::integer,
        (p_row->>'last_version')::bigint, 1, p_actor, p_at, p_at, null, p_row_mac)
      on conflict do nothing;
    if not found then
      return query select 'exists'::text, null::text, null::jsonb;
      return;
    end if;
  else
    select s.revision into found_revision from secrets s where s.org_id = p_org and s.secret_id = p_secret for update;
    if found_revision is distinct from p_expected_revision then
      return query select 'conflict'::text, null::text, null::jsonb;
      return;
    end if;
    update secrets s set
        path = p_row->>'path', type = p_row->>'type', owner_team = p_row->>'owner_team', description = p_row->>'description',
        rotation_strategy = p_row->>'rotation_strategy', custom_metadata = p_row->'custom_metadata', settings = p_row->'settings',
        sort_order = (p_row->>'sort_order')::integer, last_version = (p_row->>'last_version')::bigint, revision = p_expected_revision + 1,
        updated_at = p_at, deleted_at = (p_row->>'deleted_at')::timestamptz, mac = p_row_mac
      where s.org_id = p_org and s.secret_id = p_secret;
  end if;
  if p_version is not null then
    insert into secret_versions (org_id, secret_id, version, type, ciphertext, wrapped_dek, kek_id, kek_version, state, fingerprint,
        created_by, created_at, expires_at, row_version, mac)
      values (p_org, p_secret, p_version, p_type, p_ciphertext, p_wrapped_dek, p_kek_id, p_kek_version, p_state, p_fingerprint,
        p_actor, p_at, p_expires_at, p_expected_revision + 1, p_version_mac);
  end if;
  for u in select * from jsonb_array_elements(coalesce(p_version_updates, '[]'::jsonb)) loop
    update secret_versions v set state = u->>'state', expires_at = (u->>'expires_at')::timestamptz, deleted_at = (u->>'deleted_at')::timestamptz,
        ciphertext = case when u->>'state' = 'DESTROYED' then null else v.ciphertext end,
        wrapped_dek = case when u->>'state' = 'DESTROYED' then null else v.wrapped_dek end,
        row_version = p_expected_revision + 1, mac = decode(u->>'mac', 'hex')
      where v.org_id = p_org and v.secret_id = p_secret and v.version = (u->>'version')::bigint;
    if not found then
      raise exception 'version to update is missing' using errcode = 'data_exception';
    end if;
  end loop;
  for u in select * from jsonb_array_elements(coalesce(p_aliases, '[]'::jsonb)) loop
    if u->>'version' is null then
      delete from secret_aliases a where a.org_id = p_org and a.secret_id = p_secret and a.alias = u->>'alias';
    else
      insert into secret_aliases (org_id, secret_id, alias, version, updated_at, row_version, mac)
        values (p_org, p_secret, u->>'alias', (u->>'version')::bigint, p_at, p_expected_revision + 1, decode(u->>'mac', 'hex'))
        on conflict (org_id, secret_id, alias) do update set version = excluded.version, updated_at = excluded.updated_at,
          row_version = excluded.row_version, mac = excluded.mac;
    end if;
  end loop;
  perform audit_write(p_org, p_audit_id, p_at, p_audit_record, p_audit_digest, p_audit);
  insert into changes (org_id, kind, key) values (p_org, 'secret', p_row->>'mount_id' || '/' || (p_row->>'environment') || '/' || (p_row->>'path'));
  if p_key_mac is not null then
    insert into idempotency (org_id, key_mac, request_mac, answer, expires_at)
      values (p_org, p_key_mac, p_request_mac, p_answer, now() + interval '10 minutes')
      on conflict (org_id, key_mac) do update set request_mac = excluded.request_mac, answer = excluded.answer, expires_at = excluded.expires_at;
  end if;
  return query select 'ok'::text, pg_current_xact_id()::text, null::jsonb;
end $$;

-- The audit record of a write, inside the write's own transaction.
create function audit_write(p_org uuid, p_id uuid, p_at timestamptz, p_record text, p_digest bytea, p_fields jsonb) returns void
language sql
set search_path = coffer, pg_catalog
as $$
  insert into audit_events (org_id, at, id, record, digest, event_type, action, decision, principal, project, environment, path, request_id)
    values (p_org, p_at, p_id, p_record, p_digest, p_fields->>'eventType', p_fields->>'action', p_fields->>'decision',
      p_fields->>'principal', p_fields->>'project', p_fields->>'environment', p_fields->>'path', p_fields->>'requestId')
$$;

-- A token with everything that its principal is granted, in one row.
create function token_lookup(p_org uuid, p_lookup bytea)
returns table (token jsonb, lookup bytea, mac bytea, principal jsonb, groups jsonb, bindings jsonb)
language plpgsql
set search_path = coffer, pg_catalog
as $$
#variable_conflict use_column
begin
  perform set_config('coffer.org', p_org::text, true);
  return query
    select to_jsonb(t) - 'lookup' - 'mac', t.lookup, t.mac,
      (select to_jsonb(p) from principals p where p.org_id = p_org and p.principal_id = t.principal_id),
      coalesce((select jsonb_agg(jsonb_build_object('group', to_jsonb(g), 'member', to_jsonb(m)))
         from group_members m join groups g on g.org_id = p_org and g.group_id = m.group_id
         where m.org_id = p_org and m.principal_id = t.principal_id), '[]'::jsonb),
      coalesce((select jsonb_agg(to_jsonb(b)) from role_bindings b where b.org_id = p_org and (b.principal_id = t.principal_id
         or b.group_id in (select m.group_id from group_members m where m.org_id = p_org and m.principal_id = t.principal_id))), '[]'::jsonb)
    from tokens t
    where t.org_id = p_org and t.lookup = p_lookup and (t.expires_at is null or t.expires_at > now())
      and (t.num_uses = 0 or t.uses_left > 0);
end $$;

-- Takes one use of a token with num_uses; 0 rows: none was left. Counted here and never from a cache.
create function token_use(p_org uuid, p_token uuid) returns integer
language plpgsql
set search_path = coffer, pg_catalog
as $$
declare left_over integer;
begin
  perform set_config('coffer.org', p_org::text, true);
  update tokens set uses_left = uses_left - 1 where org_id = p_org and token_id = p_token and uses_left > 0 returning uses_left into left_over;
  return left_over;
end $$;

revoke all on all functions in schema coffer from public;
grant execute on function current_org(), secret_lookup(uuid, uuid, text, text, text), secret_lookup_all(uuid, uuid, text, text, text, integer),
  secret_apply(uuid, uuid, bigint, jsonb, bytea, bigint, text, bytea, bytea, uuid, integer, text, text, timestamptz, bytea, jsonb, jsonb,
    timestamptz, text, uuid, text, bytea, jsonb, bytea, bytea, jsonb),
  audit_write(uuid, uuid, timestamptz, text, bytea, jsonb), token_lookup(uuid, bytea), token_use(uuid, uuid), audit_ensure_partitions(integer) to coffer_app;
grant execute on function current_org(), audit_ensure_partitions(integer) to coffer_jobs, coffer_audit;
