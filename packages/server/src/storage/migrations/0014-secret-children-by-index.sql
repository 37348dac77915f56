-- The names directly below a folder, in order, as 0004 gives them, but each step begins where the last one ended. There the place was a
-- condition with two branches, which no index can answer, so that each step went through all that lay before it in the environment.

set local search_path = coffer, pg_catalog;
set local role coffer_owner;

create or replace function secret_children(p_org uuid, p_mount uuid, p_environment text, p_prefix text, p_after text, p_limit integer)
returns table (name text)
language plpgsql
set search_path = coffer, pg_catalog
as $$
#variable_conflict use_column
begin
  perform set_config('coffer.org', p_org::text, true);
  return query
    with recursive walk (name, at) as (
      select p_after collate "C", 0
      union all
      select n.name, w.at + 1 from walk w cross join lateral (
         select case when position('/' in substr(s.path, length(p_prefix) + 1)) > 0
             then split_part(substr(s.path, length(p_prefix) + 1), '/', 1) || '/' else substr(s.path, length(p_prefix) + 1) end as name
         from secrets s
         where s.org_id = p_org and s.mount_id = p_mount and s.environment = p_environment and s.deleted_at is null
           -- Behind a folder comes what follows its slash, behind a name the least text that is longer.
           and s.path >= p_prefix || case when w.name = '' then '' when right(w.name, 1) = '/' then left(w.name, -1) || '0' else w.name || E'\x01' end
           and (p_prefix = '' or s.path < left(p_prefix, -1) || '0')
         order by s.path limit 1) n
      where w.at < p_limit)
    select w.name from walk w where w.at > 0 order by w.at;
end $$;
