-- The names directly below a folder, in order: folders end with a slash and come once, however much is in them. Each step
-- skips to the next name through the unique index, so a folder of a million secrets costs what its direct children cost.

set local search_path = coffer, pg_catalog;
set local role coffer_owner;

create function secret_children(p_org uuid, p_mount uuid, p_environment text, p_prefix text, p_after text, p_limit integer)
returns table (name text)
language plpgsql
set search_path = coffer, pg_catalog
as $$
#variable_conflict use_column
begin
  perform set_config('coffer.org', p_org::text, true);
  return query
    with recursive walk (name, at) as (
      (select n.name, 1 from (
         select case when position('/' in substr(s.path, length(p_prefix) + 1)) > 0
             then split_part(substr(s.path, length(p_prefix) + 1), '/', 1) || '/' else substr(s.path, length(p_prefix) + 1) end as name
         from secrets s
         where s.org_id = p_org and s.mount_id = p_mount and s.environment = p_environment and s.deleted_at is null
           and s.path > p_prefix || p_after and s.path >= p_prefix and (p_prefix = '' or s.path < left(p_prefix, -1) || '0')
         order by s.path limit 1) n)
      union all
      select n.name, w.at + 1 from walk w cross join lateral (
         select case when position('/' in substr(s.path, length(p_prefix) + 1)) > 0
             then split_part(substr(s.path, length(p_prefix) + 1), '/', 1) || '/' else substr(s.path, length(p_prefix) + 1) end as name
         from secrets s
         where s.org_id = p_org and s.mount_id = p_mount and s.environment = p_environment and s.deleted_at is null
           and (case when right(w.name, 1) = '/' then s.path >= p_prefix || left(w.name, -1) || '0' else s.path > p_prefix || w.name end)
           and (p_prefix = '' or s.path < left(p_prefix, -1) || '0')
         order by s.path limit 1) n
      where w.at < p_limit)
    select w.name from walk w order by w.name collate "C";
end $$;

revoke all on function secret_children(uuid, uuid, text, text, text, integer) from public;
grant execute on function secret_children(uuid, uuid, text, text, text, integer) to coffer_app;
