-- When time next changes something of an organization's identity tokens: a key rotates or is published no more, a code or an access
-- token ends. What these are is sealed; workers only learn where to look.

set local search_path = coffer, pg_catalog;
set local role coffer_owner;

create table oidc_upkeep (
  org_id uuid primary key,
  due_at timestamptz not null
);
create index oidc_upkeep_due on oidc_upkeep (due_at);

alter table oidc_upkeep enable row level security;
alter table oidc_upkeep force row level security;
create policy own_org on oidc_upkeep using (org_id = coffer.current_org()) with check (org_id = coffer.current_org());
create policy due on oidc_upkeep for select to coffer_jobs using (true);
grant select, insert, update, delete on oidc_upkeep to coffer_app;
grant select (org_id, due_at) on oidc_upkeep to coffer_jobs;
