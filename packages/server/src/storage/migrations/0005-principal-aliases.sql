-- By what name a principal logs in at which auth mount. One alias is one principal; a principal may have several.

set local search_path = coffer, pg_catalog;
set local role coffer_owner;

create table principal_aliases (
  org_id uuid not null,
  alias_id uuid not null,
  mount_id uuid not null,
  name text collate "C" not null,
  principal_id uuid not null,
  metadata jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  row_version bigint not null,
  mac bytea not null,
  primary key (org_id, alias_id),
  foreign key (org_id, mount_id) references mounts (org_id, mount_id),
  foreign key (org_id, principal_id) references principals (org_id, principal_id) on delete cascade
);
create unique index principal_aliases_name on principal_aliases (org_id, mount_id, name);
create index principal_aliases_principal on principal_aliases (org_id, principal_id);

alter table principal_aliases enable row level security;
alter table principal_aliases force row level security;
create policy own_org on principal_aliases using (org_id = coffer.current_org()) with check (org_id = coffer.current_org());
grant select, insert, update, delete on principal_aliases to coffer_app;
