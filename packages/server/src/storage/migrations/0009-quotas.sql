-- Quotas: how many requests an address may make in an interval, and how many leases there may be. Each is about one organization,
-- one of its mounts, paths of a mount, or one role. Lease counts are kept by the database itself, so that no way of making a token
-- or a credential misses them.

set local search_path = coffer, pg_catalog;
set local role coffer_owner;

create table quotas (
  org_id uuid not null,
  quota_id uuid not null,
  type text collate "C" not null check (type in ('rate-limit', 'lease-count')),
  name text collate "C" not null,
  -- with a slash behind; empty: the whole organization
  mount text collate "C" not null,
  -- below the mount; may end with a star
  suffix text collate "C" not null,
  role text collate "C" not null,
  inheritable boolean not null,
  rate double precision not null default 0,
  interval_seconds bigint not null default 1,
  block_seconds bigint not null default 0,
  max_leases bigint not null default 0,
  -- leases that there are, of lease-count
  used bigint not null default 0,
  row_version bigint not null,
  mac bytea not null,
  primary key (org_id, quota_id)
);
create unique index quotas_name on quotas (org_id, type, name);
create unique index quotas_place on quotas (org_id, type, mount, suffix, role);

alter table quotas enable row level security;
alter table quotas force row level security;
create policy own_org on quotas using (org_id = coffer.current_org()) with check (org_id = coffer.current_org());
create policy due on quotas for select to coffer_jobs using (true);
grant select, insert, update, delete on quotas to coffer_app;
grant select (org_id, type) on quotas to coffer_jobs;

-- The quota that counts a lease: the most specific one. A role before a path, an exact path before a pattern, a longer one before a shorter.
create function lease_quota(p_org uuid, p_path text, p_role text) returns uuid
  language sql stable
  set search_path = coffer, pg_catalog
  as $$
  select quota_id from quotas
  where org_id = p_org and type = 'lease-count' and (mount = '' or starts_with(p_path || '/', mount)) and (role = '' or role = p_role)
    and (suffix = '' or p_path = mount || suffix or (right(suffix, 1) = '*' and starts_with(p_path, mount || left(suffix, -1))))
  order by (role <> '') desc, (suffix <> '' and right(suffix, 1) <> '*') desc, length(suffix) desc, (mount <> '') desc limit 1
$$;

create function role_of_token(p_metadata jsonb) returns text language sql immutable
  set search_path = pg_catalog
  as $$ select coalesce(p_metadata ->> 'role_name', p_metadata ->> 'role', '') $$;

create function count_leases(p_org uuid, p_quota uuid, p_count bigint) returns void language plpgsql
  set search_path = coffer, pg_catalog
  as $$
begin
  update quotas set used = greatest(used + p_count, 0) where org_id = p_org and quota_id = p_quota and (p_count < 0 or used + p_count <= max_leases);
  if not found and p_count > 0 then
    raise exception 'lease count quota exceeded' using errcode = 'CF429';
  end if;
end $$;

create function count_token_leases() returns trigger language plpgsql
  set search_path = coffer, pg_catalog
  as $$
declare
  counted record;
begin
  if not exists (select from quotas where org_id = current_org() and type = 'lease-count') then return null; end if;
  for counted in
    select quota, count(*) as n from (select lease_quota(org_id, issue_path, role_of_token(metadata)) as quota from changed where expires_at is not null) each where quota is not null group by quota order by quota
  loop
    perform count_leases(current_org(), counted.quota, case tg_op when 'INSERT' then counted.n else -counted.n end);
  end loop;
  return null;
end $$;
create trigger tokens_count_made after insert on tokens referencing new table as changed for each statement execute function count_token_leases();
create trigger tokens_count_gone after delete on tokens referencing old table as changed for each statement execute function count_token_leases();

create function count_engine_leases() returns trigger language plpgsql
  set search_path = coffer, pg_catalog
  as $$
declare
  counted record;
begin
  if not exists (select from quotas where org_id = current_org() and type = 'lease-count') then return null; end if;
  for counted in
    select quota, count(*) as n from (select lease_quota(org_id, regexp_replace(name, '/[^/]*$', ''), '') as quota from changed) each where quota is not null group by quota order by quota
  loop
    perform count_leases(current_org(), counted.quota, case tg_op when 'INSERT' then counted.n else -counted.n end);
  end loop;
  return null;
end $$;
create trigger leases_count_made after insert on leases referencing new table as changed for each statement execute function count_engine_leases();
create trigger leases_count_gone after delete on leases referencing old table as changed for each statement execute function count_engine_leases();

-- After a quota was written or deleted: which quota counts a lease may be another now.
create function recount_leases(p_org uuid) returns void language plpgsql
  set search_path = coffer, pg_catalog
  as $$
begin
  perform 1 from quotas where org_id = p_org and type = 'lease-count' for update;
  update quotas q set used = coalesce((
    select count(*) from (
      select lease_quota(t.org_id, t.issue_path, role_of_token(t.metadata)) as quota from tokens t where t.org_id = p_org and t.expires_at is not null
      union all
      select lease_quota(l.org_id, regexp_replace(l.name, '/[^/]*$', ''), '') from leases l where l.org_id = p_org) counted
    where counted.quota = q.quota_id), 0)
  where q.org_id = p_org and q.type = 'lease-count';
end $$;

revoke all on function lease_quota(uuid, text, text), role_of_token(jsonb), count_leases(uuid, uuid, bigint), count_token_leases(), count_engine_leases(), recount_leases(uuid) from public;
grant execute on function lease_quota(uuid, text, text), role_of_token(jsonb), count_leases(uuid, uuid, bigint), recount_leases(uuid) to coffer_app;
