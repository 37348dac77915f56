-- The first schema. Rules that every later migration keeps:
--   * a tenant table leads its primary key with org_id, is owned by coffer_owner and forces row-level security;
--   * text that takes part in a look-up compares bytewise (COLLATE "C");
--   * a row that grants or resolves carries row_version and mac (docs/formats/row-mac.md);
--   * times are kept in database time.
-- The roles exist before the first migration runs (storage/roles).

create schema coffer authorization coffer_owner;
grant usage on schema coffer to coffer_app, coffer_jobs, coffer_audit;
set local search_path = coffer, pg_catalog;
set local role coffer_owner;

-- ---------------------------------------------------------------------------------------------------------------
-- Platform tables: no tenant data, no row-level security.

create table cluster (
  only_one boolean primary key default true check (only_one),
  cluster_id uuid not null,
  cluster_name text not null,
  root_org_id uuid not null,
  root_generation integer not null default 1,
  initialised_at timestamptz not null default now()
);

-- Each slot alone opens its slot key, which opens the root key.
create table seal_slots (
  slot_id uuid primary key,
  kind text not null check (kind in ('shamir', 'keyfile', 'transit', 'aws-kms', 'gcp-kms', 'azure-kms', 'pkcs11')),
  sealed_root bytea not null,
  root_generation integer not null,
  config jsonb not null default '{}',
  shares integer,
  threshold integer,
  share_hashes text[] not null default '{}',
  created_at timestamptz not null default now()
);

create table organizations (
  org_id uuid primary key,
  parent_id uuid references organizations (org_id),
  slug text collate "C" not null,
  short_id text collate "C" not null unique,
  name text not null,
  state text not null check (state in ('active', 'suspended', 'deleting', 'shredded')),
  home_region text,
  epoch bigint not null default 1,
  created_at timestamptz not null default now(),
  row_version bigint not null,
  mac bytea not null
);
create unique index organizations_slug on organizations (parent_id, slug) nulls not distinct;

-- Outbox of what changed, for caches. Ids only. Read by transaction id (architecture, section 7).
create table changes (
  xid xid8 not null default pg_current_xact_id(),
  org_id uuid not null,
  kind text collate "C" not null,
  key text collate "C" not null
);
create index changes_by_xid on changes (xid);

-- One row per worker: what it has applied, and until when it may answer from its cache.
create table worker_leases (
  worker_id uuid primary key,
  node_id uuid not null,
  epoch bigint not null,
  lease_until timestamptz not null,
  applied_snapshot pg_snapshot,
  started_at timestamptz not null default now()
);

create table audit_streams (
  stream uuid primary key,
  node text not null,
  slot integer not null,
  boot uuid not null,
  previous_stream uuid,
  previous_hash bytea,
  opened_at timestamptz not null,
  closed_at timestamptz
);

create table audit_checkpoints (
  stream uuid not null,
  seq bigint not null,
  hash bytea not null,
  at timestamptz not null,
  key_id text not null,
  signature bytea not null,
  primary key (stream, seq)
);

-- ---------------------------------------------------------------------------------------------------------------
-- Keys. Wrapped under the root key (or an organization's own external KMS).

create table keks (
  org_id uuid not null,
  kek_id uuid not null,
  version integer not null,
  provider text not null default 'root',
  wrapped bytea,
  state text not null check (state in ('active', 'retired', 'destroyed')),
  encryptions_reserved bigint not null default 0,
  root_generation integer not null default 1,
  created_at timestamptz not null default now(),
  retired_at timestamptz,
  primary key (org_id, kek_id, version)
);

create table purpose_keys (
  org_id uuid not null,
  purpose text collate "C" not null,
  version integer not null,
  wrapped bytea,
  state text not null check (state in ('active', 'retired', 'destroyed')),
  root_generation integer not null default 1,
  created_at timestamptz not null default now(),
  primary key (org_id, purpose, version)
);

-- ---------------------------------------------------------------------------------------------------------------
-- Tenancy

create table mounts (
  org_id uuid not null,
  mount_id uuid not null,
  class text not null check (class in ('secret', 'auth')),
  path text collate "C" not null,
  type text not null,
  description text not null default '',
  options jsonb not null default '{}',
  config jsonb not null default '{}',
  created_at timestamptz not null default now(),
  deleted_at timestamptz,
  row_version bigint not null,
  mac bytea not null,
  primary key (org_id, mount_id)
);
create unique index mounts_path on mounts (org_id, class, path) where deleted_at is null;

create table environments (
  org_id uuid not null,
  environment_id uuid not null,
  mount_id uuid not null,
  slug text collate "C" not null,
  name text not null,
  protected boolean not null default false,
  position integer not null default 0,
  created_at timestamptz not null default now(),
  row_version bigint not null,
  mac bytea not null,
  primary key (org_id, environment_id),
  foreign key (org_id, mount_id) references mounts (org_id, mount_id)
);
create unique index environments_slug on environments (org_id, mount_id, slug);

-- ---------------------------------------------------------------------------------------------------------------
-- Secrets. revision counts every change of a secret, its versions' states and its aliases; it is the row_version
-- of every row that the change wrote, and the optimistic lock of the next change.

create table secrets (
  org_id uuid not null,
  secret_id uuid not null,
  mount_id uuid not null,
  environment text collate "C" not null,
  path text collate "C" not null,
  type text not null,
  owner_team text not null default '',
  description text not null default '',
  rotation_strategy text not null default 'manual',
  custom_metadata jsonb not null default '{}',
  settings jsonb not null default '{}',
  sort_order integer not null default 1,
  last_version bigint not null default 0,
  revision bigint not null,
  created_by text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  deleted_at timestamptz,
  mac bytea not null,
  primary key (org_id, secret_id),
  foreign key (org_id, mount_id) references mounts (org_id, mount_id)
);
create unique index secrets_path on secrets (org_id, mount_id, environment, path);

create table secret_versions (
  org_id uuid not null,
  secret_id uuid not null,
  version bigint not null check (version > 0),
  type text not null,
  ciphertext bytea,
  wrapped_dek bytea,
  kek_id uuid not null,
  kek_version integer not null,
  -- CURRENT and PREVIOUS are told by the aliases; a row only knows whether it was ever promoted.
  state text not null check (state in ('PENDING', 'ACTIVE', 'DISABLED', 'DESTROYED')),
  fingerprint text not null,
  created_by text not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  deleted_at timestamptz,
  row_version bigint not null,
  mac bytea not null,
  primary key (org_id, secret_id, version),
  foreign key (org_id, secret_id) references secrets (org_id, secret_id) on delete cascade,
  check (state <> 'DESTROYED' or (ciphertext is null and wrapped_dek is null))
);
create index secret_versions_kek on secret_versions (org_id, kek_id, kek_version) where wrapped_dek is not null;

create table secret_aliases (
  org_id uuid not null,
  secret_id uuid not null,
  alias text collate "C" not null check (alias !~ '^v?[0-9]+$'),
  version bigint not null,
  updated_at timestamptz not null,
  row_version bigint not null,
  mac bytea not null,
  primary key (org_id, secret_id, alias),
  foreign key (org_id, secret_id, version) references secret_versions (org_id, secret_id, version) on delete cascade
);

-- Answers of writes that carried an idempotency key. request_mac tells a retry from another request.
create table idempotency (
  org_id uuid not null,
  key_mac bytea not null,
  request_mac bytea not null,
  answer jsonb not null,
  expires_at timestamptz not null,
  primary key (org_id, key_mac)
);
create index idempotency_expiry on idempotency (expires_at);

-- Sealed state of engines and auth methods: one row per entry, nothing in it is readable here.
create table entries (
  org_id uuid not null,
  mount_id uuid not null,
  key text collate "C" not null,
  entry_version bigint not null,
  sealed bytea not null,
  wrapped_dek bytea not null,
  kek_id uuid not null,
  kek_version integer not null,
  updated_at timestamptz not null default now(),
  primary key (org_id, mount_id, key)
);

-- ---------------------------------------------------------------------------------------------------------------
-- Identity, tokens, policies

create table principals (
  org_id uuid not null,
  principal_id uuid not null,
  kind text not null check (kind in ('user', 'service_account', 'workload')),
  name text collate "C" not null,
  display_name text not null default '',
  policies text[] not null default '{}',
  disabled boolean not null default false,
  metadata jsonb not null default '{}',
  created_at timestamptz not null default now(),
  row_version bigint not null,
  mac bytea not null,
  primary key (org_id, principal_id)
);
create unique index principals_name on principals (org_id, kind, name);

create table groups (
  org_id uuid not null,
  group_id uuid not null,
  name text collate "C" not null,
  policies text[] not null default '{}',
  created_at timestamptz not null default now(),
  row_version bigint not null,
  mac bytea not null,
  primary key (org_id, group_id)
);
create unique index groups_name on groups (org_id, name);

create table group_members (
  org_id uuid not null,
  group_id uuid not null,
  principal_id uuid not null,
  row_version bigint not null,
  mac bytea not null,
  primary key (org_id, group_id, principal_id),
  foreign key (org_id, group_id) references groups (org_id, group_id) on delete cascade,
  foreign key (org_id, principal_id) references principals (org_id, principal_id) on delete cascade
);
create index group_members_principal on group_members (org_id, principal_id);

create table role_bindings (
  org_id uuid not null,
  binding_id uuid not null,
  principal_id uuid,
  group_id uuid,
  role text not null,
  mount_id uuid,
  environment text collate "C",
  created_at timestamptz not null default now(),
  row_version bigint not null,
  mac bytea not null,
  primary key (org_id, binding_id),
  foreign key (org_id, principal_id) references principals (org_id, principal_id) on delete cascade,
  foreign key (org_id, group_id) references groups (org_id, group_id) on delete cascade,
  foreign key (org_id, mount_id) references mounts (org_id, mount_id),
  check ((principal_id is null) <> (group_id is null))
);
create index role_bindings_principal on role_bindings (org_id, principal_id);
create index role_bindings_group on role_bindings (org_id, group_id);

create table policies (
  org_id uuid not null,
  policy_id uuid not null,
  kind text not null check (kind in ('acl', 'json')),
  name text collate "C" not null,
  body text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  row_version bigint not null,
  mac bytea not null,
  primary key (org_id, policy_id)
);
create unique index policies_name on policies (org_id, kind, name);

create table tokens (
  org_id uuid not null,
  token_id uuid not null,
  lookup bytea not null,
  accessor text collate "C" not null,
  principal_id uuid,
  parent_id uuid,
  display_name text not null default '',
  policies text[] not null default '{}',
  is_root boolean not null default false,
  lock_mount_id uuid,
  lock_environment text collate "C",
  issue_path text not null default '',
  bound_cidrs text[] not null default '{}',
  metadata jsonb not null default '{}',
  num_uses integer not null default 0,
  uses_left integer,
  ttl_seconds bigint not null default 0,
  period_seconds bigint not null default 0,
  explicit_max_ttl_seconds bigint not null default 0,
  renewable boolean not null default true,
  issued_at timestamptz not null default now(),
  expires_at timestamptz,
  last_renewed_at timestamptz,
  row_version bigint not null,
  mac bytea not null,
  primary key (org_id, token_id),
  foreign key (org_id, principal_id) references principals (org_id, principal_id)
);
create unique index tokens_lookup on tokens (org_id, lookup);
create unique index tokens_accessor on tokens (org_id, accessor);
create index tokens_parent on tokens (org_id, parent_id);
create index tokens_expiry on tokens (expires_at) where expires_at is not null;

-- ---------------------------------------------------------------------------------------------------------------
-- Audit. Append only, partitioned by month, no foreign keys from or to it.

create table audit_events (
  org_id uuid not null,
  at timestamptz not null,
  id uuid not null,
  record text not null,
  digest bytea not null,
  -- null for a write's record: it commits with the write and is chained afterwards by a row of audit_links
  stream uuid,
  seq bigint,
  event_type text collate "C" not null,
  action text collate "C" not null,
  decision text not null,
  principal text collate "C",
  project text collate "C",
  environment text collate "C",
  path text collate "C",
  request_id text collate "C" not null,
  primary key (org_id, at, id)
) partition by range (at);
create index audit_events_path on audit_events (org_id, project, environment, path, at desc);
create index audit_events_principal on audit_events (org_id, principal, at desc);
create index audit_events_unchained on audit_events (at) where stream is null;

create table audit_links (
  org_id uuid not null,
  at timestamptz not null,
  event_id uuid not null,
  stream uuid not null,
  seq bigint not null,
  adopted boolean not null default false,
  primary key (org_id, at, event_id)
) partition by range (at);

create table audit_events_default partition of audit_events default;
create table audit_links_default partition of audit_links default;

-- ---------------------------------------------------------------------------------------------------------------
-- Row-level security. An organization is set for one transaction only; afterwards the setting is '' and not null.

create function current_org() returns uuid language sql stable parallel safe
  set search_path = pg_catalog
  as $$ select nullif(current_setting('coffer.org', true), '')::uuid $$;

do $$
declare t text;
begin
  foreach t in array array['keks', 'purpose_keys', 'mounts', 'environments', 'secrets', 'secret_versions', 'secret_aliases', 'idempotency',
    'entries', 'principals', 'groups', 'group_members', 'role_bindings', 'policies', 'tokens', 'audit_events', 'audit_links',
    'audit_events_default', 'audit_links_default']
  loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy own_org on %I using (org_id = coffer.current_org()) with check (org_id = coffer.current_org())', t);
  end loop;
end $$;

-- Audit rows are inserted for every organization by the shipper, and only inserted.
create policy ship on audit_events for insert to coffer_audit with check (true);
create policy ship on audit_links for insert to coffer_audit with check (true);
create policy ship on audit_events_default for insert to coffer_audit with check (true);
create policy ship on audit_links_default for insert to coffer_audit with check (true);
-- The jobs role sees ids and times across organizations, nothing else (column grants below).
create policy due on audit_events for select to coffer_jobs using (true);
create policy due on audit_links for select to coffer_jobs using (true);
create policy due on tokens for all to coffer_jobs using (true);
create policy due on idempotency for all to coffer_jobs using (true);
create policy due on secret_versions for select to coffer_jobs using (true);
create policy due on keks for select to coffer_jobs using (true);

-- Makes next months' partitions. Owned by coffer_owner so that no login role needs DDL.
create function audit_ensure_partitions(months_ahead integer) returns void language plpgsql security definer
  set search_path = coffer, pg_catalog
  as $$
declare
  month date := date_trunc('month', now())::date;
  parent text;
  child text;
begin
  for i in 0..least(greatest(months_ahead, 0), 24) loop
    foreach parent in array array['audit_events', 'audit_links'] loop
      child := parent || '_' || to_char(month, 'YYYY_MM');
      if to_regclass('coffer.' || child) is null then
        begin
          execute format('create table %I partition of %I for values from (%L) to (%L)', child, parent, month, month + interval '1 month');
          execute format('alter table %I enable row level security', child);
          execute format('alter table %I force row level security', child);
          execute format('create policy own_org on %I using (org_id = coffer.current_org()) with check (org_id = coffer.current_org())', child);
          execute format('create policy ship on %I for insert to coffer_audit with check (true)', child);
        exception when duplicate_table or check_violation then
          null; -- another server made it, or the default partition already holds rows of that month: they stay where they are
        end;
      end if;
    end loop;
    month := (month + interval '1 month')::date;
  end loop;
end $$;
revoke all on function audit_ensure_partitions(integer) from public;
grant execute on function audit_ensure_partitions(integer) to coffer_jobs, coffer_app;
select audit_ensure_partitions(3);

-- ---------------------------------------------------------------------------------------------------------------
-- Privileges

grant select, insert, update on cluster, seal_slots, organizations to coffer_app;
grant delete on seal_slots to coffer_app;
grant select, insert on changes to coffer_app;
grant select, delete on changes to coffer_jobs;
grant select, insert, update, delete on worker_leases to coffer_app, coffer_jobs;
grant select, insert, update on keks, purpose_keys, mounts, environments, principals, groups, policies, tokens to coffer_app;
grant delete on environments, principals, groups, policies, tokens to coffer_app;
grant select, insert, update, delete on secrets, secret_versions, secret_aliases, idempotency, entries, group_members, role_bindings to coffer_app;
grant select, insert on audit_events, audit_links to coffer_app;
grant insert on audit_events, audit_links, audit_streams, audit_checkpoints to coffer_audit;
grant update (closed_at) on audit_streams to coffer_audit;
grant select on audit_streams, audit_checkpoints to coffer_app, coffer_audit, coffer_jobs;
grant select (org_id, at, id, digest, stream) on audit_events to coffer_jobs;
grant select (org_id, at, event_id) on audit_links to coffer_jobs;
grant select (org_id, token_id, parent_id, expires_at), delete on tokens to coffer_jobs;
grant select (org_id, key_mac, expires_at), delete on idempotency to coffer_jobs;
grant select (org_id, secret_id, version, kek_id, kek_version, expires_at) on secret_versions to coffer_jobs;
grant select (org_id, kek_id, version, state) on keks to coffer_jobs;
grant select on organizations, cluster to coffer_jobs;
