-- Identity in full: entities that were merged, groups within groups, groups that an issuer fills, and what each row says
-- beyond its name. An entity is a principal.

set local search_path = coffer, pg_catalog;
set local role coffer_owner;

alter table principals
  add column updated_at timestamptz not null default now(),
  add column merged_ids uuid[] not null default '{}';
create index principals_any_case on principals (org_id, lower(name));

-- Aliases of auth/token belong to no row of mounts: their mount is the organization itself.
alter table principal_aliases drop constraint principal_aliases_org_id_mount_id_fkey;
alter table principal_aliases
  add column custom_metadata jsonb not null default '{}',
  add column merged_from uuid[] not null default '{}';

alter table groups
  add column kind text not null default 'internal' check (kind in ('internal', 'external')),
  add column metadata jsonb not null default '{}',
  add column updated_at timestamptz not null default now();
create index groups_any_case on groups (org_id, lower(name));

-- A group whose members are members of another one, too.
create table group_parents (
  org_id uuid not null,
  group_id uuid not null,
  parent_id uuid not null,
  row_version bigint not null,
  mac bytea not null,
  primary key (org_id, group_id, parent_id),
  foreign key (org_id, group_id) references groups (org_id, group_id) on delete cascade,
  foreign key (org_id, parent_id) references groups (org_id, group_id) on delete cascade,
  check (group_id <> parent_id)
);
create index group_parents_parent on group_parents (org_id, parent_id);

-- By what name an issuer knows an external group.
create table group_aliases (
  org_id uuid not null,
  alias_id uuid not null,
  mount_id uuid not null,
  name text collate "C" not null,
  group_id uuid not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  row_version bigint not null,
  mac bytea not null,
  primary key (org_id, alias_id),
  foreign key (org_id, group_id) references groups (org_id, group_id) on delete cascade
);
create unique index group_aliases_name on group_aliases (org_id, mount_id, name);
create unique index group_aliases_group on group_aliases (org_id, group_id);

-- The groups that a login named, for the token's renewals.
create table token_logins (
  org_id uuid not null,
  token_id uuid not null,
  mount_id uuid not null,
  groups text[] not null,
  row_version bigint not null,
  mac bytea not null,
  primary key (org_id, token_id),
  foreign key (org_id, token_id) references tokens (org_id, token_id) on delete cascade
);

create index tokens_principal on tokens (org_id, principal_id);

do $$
declare t text;
begin
  foreach t in array array['group_parents', 'group_aliases', 'token_logins']
  loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy own_org on %I using (org_id = coffer.current_org()) with check (org_id = coffer.current_org())', t);
  end loop;
end $$;
grant select, insert, update, delete on group_parents, group_aliases, token_logins to coffer_app;

-- Every group that a principal is in, by itself or through groups of groups.
create function groups_of(p_org uuid, p_principal uuid) returns table (group_id uuid)
language sql stable
set search_path = coffer, pg_catalog
as $$
  with recursive mine as (
    select m.group_id from group_members m where m.org_id = p_org and m.principal_id = p_principal
    union
    select e.parent_id from group_parents e join mine on e.group_id = mine.group_id where e.org_id = p_org)
  select mine.group_id from mine
$$;

-- A live token with everything that it is granted. `groups` are those with the principal as a member, `parents` what these
-- are in; whoever reads them checks each row and each step.
drop function token_lookup(uuid, bytea);
create function token_lookup(p_org uuid, p_lookup bytea)
returns table (token jsonb, lookup bytea, mac bytea, principal jsonb, groups jsonb, bindings jsonb, parents jsonb, aliases jsonb)
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
         or b.group_id in (select o.group_id from groups_of(p_org, t.principal_id) o))), '[]'::jsonb),
      coalesce((select jsonb_agg(jsonb_build_object('group', to_jsonb(g), 'edge', to_jsonb(e)))
         from group_parents e join groups g on g.org_id = p_org and g.group_id = e.parent_id
         where e.org_id = p_org and e.group_id in (select o.group_id from groups_of(p_org, t.principal_id) o)), '[]'::jsonb),
      coalesce((select jsonb_agg(to_jsonb(a)) from principal_aliases a where a.org_id = p_org and a.principal_id = t.principal_id), '[]'::jsonb)
    from tokens t
    where t.org_id = p_org and t.lookup = p_lookup and (t.expires_at is null or t.expires_at > now())
      and (t.num_uses = 0 or t.uses_left > 0);
end $$;

-- The same of a principal without a token.
drop function principal_grants(uuid, uuid);
create function principal_grants(p_org uuid, p_principal uuid)
returns table (principal jsonb, groups jsonb, bindings jsonb, parents jsonb, aliases jsonb)
language plpgsql
set search_path = coffer, pg_catalog
as $$
#variable_conflict use_column
begin
  perform set_config('coffer.org', p_org::text, true);
  return query
    select to_jsonb(p),
      coalesce((select jsonb_agg(jsonb_build_object('group', to_jsonb(g), 'member', to_jsonb(m)))
         from group_members m join groups g on g.org_id = p_org and g.group_id = m.group_id
         where m.org_id = p_org and m.principal_id = p_principal), '[]'::jsonb),
      coalesce((select jsonb_agg(to_jsonb(b)) from role_bindings b where b.org_id = p_org and (b.principal_id = p_principal
         or b.group_id in (select o.group_id from groups_of(p_org, p_principal) o))), '[]'::jsonb),
      coalesce((select jsonb_agg(jsonb_build_object('group', to_jsonb(g), 'edge', to_jsonb(e)))
         from group_parents e join groups g on g.org_id = p_org and g.group_id = e.parent_id
         where e.org_id = p_org and e.group_id in (select o.group_id from groups_of(p_org, p_principal) o)), '[]'::jsonb),
      coalesce((select jsonb_agg(to_jsonb(a)) from principal_aliases a where a.org_id = p_org and a.principal_id = p_principal), '[]'::jsonb)
    from principals p where p.org_id = p_org and p.principal_id = p_principal;
end $$;

revoke all on function groups_of(uuid, uuid), token_lookup(uuid, bytea), principal_grants(uuid, uuid) from public;
grant execute on function groups_of(uuid, uuid), token_lookup(uuid, bytea), principal_grants(uuid, uuid) to coffer_app;
