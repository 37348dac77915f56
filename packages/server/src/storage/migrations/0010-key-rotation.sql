-- When an organization wants its KEK rotated without being asked. Without a row the built-in limit alone holds.

set local search_path = coffer, pg_catalog;
set local role coffer_owner;

create table key_rotation (
  org_id uuid primary key,
  max_operations bigint not null check (max_operations > 0),
  -- 0: whatever its age
  interval_seconds bigint not null check (interval_seconds >= 0),
  enabled boolean not null
);

alter table key_rotation enable row level security;
alter table key_rotation force row level security;
create policy own_org on key_rotation using (org_id = coffer.current_org()) with check (org_id = coffer.current_org());
create policy due on key_rotation for select to coffer_jobs using (true);
grant select, insert, update, delete on key_rotation to coffer_app;
grant select (org_id, interval_seconds, enabled) on key_rotation to coffer_jobs;
grant select (created_at) on keks to coffer_jobs;
