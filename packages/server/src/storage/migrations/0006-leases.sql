-- Leases. A service token that expires has one by being a row of `tokens`; credentials that an engine made outside have a row of
-- `leases`. Nothing here is ever loaded whole: both are found, listed and counted through an index.

set local search_path = coffer, pg_catalog;
set local role coffer_owner;

-- Vault's name of a token's lease: where it was made, and a hash of the token. Its organization's short id is added outside.
create index tokens_lease on tokens (org_id, ((issue_path || '/h' || encode(lookup, 'hex')) collate "C")) where expires_at is not null;

create table leases (
  org_id uuid not null,
  lease_id uuid not null,
  -- `<path of the request>/<random>`, without the organization's short id
  name text collate "C" not null,
  mount_id uuid not null,
  -- which of the engine's kinds of leases: who renews and revokes it
  kind text collate "C" not null,
  -- whose request made it; null: a token that is no row
  token_id uuid,
  renewable boolean not null,
  ttl_seconds bigint not null,
  max_ttl_seconds bigint not null,
  issued_at timestamptz not null,
  expires_at timestamptz not null,
  last_renewed_at timestamptz,
  -- pending: the credential may exist or not, because whoever makes it has not come back yet
  state text not null check (state in ('pending', 'active', 'revoking', 'irrevocable')),
  -- when the queue looks at it next: its end, the next try, or the end of somebody's claim
  due_at timestamptz not null,
  claim uuid,
  attempts integer not null default 0,
  last_error text not null default '',
  row_version bigint not null,
  mac bytea not null,
  primary key (org_id, lease_id),
  foreign key (org_id, mount_id) references mounts (org_id, mount_id)
);
create unique index leases_name on leases (org_id, name);
create index leases_due on leases (due_at);
create index leases_token on leases (org_id, token_id) where token_id is not null;
create index leases_mount on leases (org_id, mount_id);
create index leases_irrevocable on leases (org_id, expires_at, name) where state = 'irrevocable';

alter table leases enable row level security;
alter table leases force row level security;
create policy own_org on leases using (org_id = coffer.current_org()) with check (org_id = coffer.current_org());
create policy due on leases for select to coffer_jobs using (true);
grant select, insert, update, delete on leases to coffer_app;
grant select (org_id, due_at) on leases to coffer_jobs;

-- Whatever ends a token ends its leases, however it is done: the database sees to it. A pending one is looked after by who makes it.
create function leases_of_ended_tokens() returns trigger language plpgsql
  set search_path = coffer, pg_catalog
  as $$
begin
  update leases l set state = 'revoking', due_at = now(), claim = null from gone where l.org_id = gone.org_id and l.token_id = gone.token_id and l.state = 'active';
  return null;
end $$;
create trigger tokens_end_leases after delete on tokens referencing old table as gone for each statement execute function leases_of_ended_tokens();

create function leases_of_ended_mount() returns trigger language plpgsql
  set search_path = coffer, pg_catalog
  as $$
begin
  update leases set state = 'revoking', due_at = now(), claim = null where org_id = new.org_id and mount_id = new.mount_id and state = 'active';
  return null;
end $$;
create trigger mounts_end_leases after update of deleted_at on mounts for each row when (old.deleted_at is null and new.deleted_at is not null) execute function leases_of_ended_mount();
revoke all on function leases_of_ended_tokens(), leases_of_ended_mount() from public;

-- The name directly below a prefix that is next at or behind a place, of both kinds of leases. A folder ends with a slash.
create function lease_next(p_org uuid, p_prefix text, p_from text) returns text
  language sql stable
  set search_path = coffer, pg_catalog
  as $$
  select case when position('/' in substr(found.name, length(p_prefix) + 1)) > 0
      then split_part(substr(found.name, length(p_prefix) + 1), '/', 1) || '/' else substr(found.name, length(p_prefix) + 1) end
  from (
    (select (issue_path || '/h' || encode(lookup, 'hex')) collate "C" as name from tokens
     where org_id = p_org and expires_at is not null and expires_at > now() and (issue_path || '/h' || encode(lookup, 'hex')) collate "C" >= p_from
       and (p_prefix = '' or (issue_path || '/h' || encode(lookup, 'hex')) collate "C" < left(p_prefix, -1) || '0')
     order by (issue_path || '/h' || encode(lookup, 'hex')) collate "C" limit 1)
    union all
    (select name from leases where org_id = p_org and state <> 'pending' and name >= p_from and (p_prefix = '' or name < left(p_prefix, -1) || '0') order by name limit 1)
  ) found order by found.name collate "C" limit 1
$$;

-- The names directly below a prefix (empty, or ending with a slash), in order. Each step skips a whole folder.
create function lease_children(p_org uuid, p_prefix text, p_after text, p_limit integer)
returns table (name text)
language plpgsql
set search_path = coffer, pg_catalog
as $$
begin
  perform set_config('coffer.org', p_org::text, true);
  return query
    with recursive walk (child, at) as (
      (select n.child, 1 from (select lease_next(p_org, p_prefix, p_prefix || case when p_after = '' then '' when right(p_after, 1) = '/' then left(p_after, -1) || '0' else p_after || E'\x01' end) as child) n where n.child is not null)
      union all
      select n.child, w.at + 1 from walk w cross join lateral (
        select lease_next(p_org, p_prefix, p_prefix || case when right(w.child, 1) = '/' then left(w.child, -1) || '0' else w.child || E'\x01' end) as child) n
      where w.at < p_limit and n.child is not null)
    select w.child from walk w order by w.at;
end $$;

revoke all on function lease_next(uuid, text, text), lease_children(uuid, text, text, integer) from public;
grant execute on function lease_next(uuid, text, text), lease_children(uuid, text, text, integer) to coffer_app;
