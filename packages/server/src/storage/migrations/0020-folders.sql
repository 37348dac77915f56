-- Names of a folder that holds folders.

set local search_path = coffer, pg_catalog;
set local role coffer_owner;

-- As before where every secret is a name of its own. Where most are in folders of their own the names are walked, each step beginning behind the last name:
-- one statement for many, because starting one costs as much as several steps.
create or replace function secret_children(p_org uuid, p_mount uuid, p_environment text, p_prefix text, p_after text, p_limit integer)
returns table (names text)
language plpgsql
set search_path = coffer, pg_catalog
as $$
#variable_conflict use_column
declare
  below text collate "C" := path_end(p_prefix);
  start integer := length(p_prefix) + 1;
  last text collate "C" := p_after;
  found_names text[] := '{}';
  more text[];
  is_flat boolean := true;
  piece integer := 16;
  seen integer;
begin
  perform set_config('coffer.org', p_org::text, true);
  loop
    piece := least(piece, p_limit - cardinality(found_names));
    if is_flat then
      select array_agg(distinct n.name order by n.name), count(*) into more, seen
        from (select case when position('/' in substr(s.path, start)) > 0 then split_part(substr(s.path, start), '/', 1) || '/' else substr(s.path, start) end as name
          from secrets s
          where s.org_id = p_org and s.mount_id = p_mount and s.environment = p_environment and s.deleted_at is null
            -- Behind a folder comes what follows its slash, behind a name the least text that is longer.
            and s.path >= p_prefix || case when last = '' then '' when right(last, 1) = '/' then left(last, -1) || '0' else last || E'\x01' end
            and s.path < below
          order by s.path limit piece) n;
      is_flat := 2 * coalesce(cardinality(more), 0) > seen;
    else
      with recursive walk (name, at) as (
        select last, 0
        union all
        select n.name, w.at + 1 from walk w cross join lateral (
           select case when position('/' in substr(s.path, start)) > 0 then split_part(substr(s.path, start), '/', 1) || '/' else substr(s.path, start) end as name
           from secrets s
           where s.org_id = p_org and s.mount_id = p_mount and s.environment = p_environment and s.deleted_at is null
             and s.path >= p_prefix || case when w.name = '' then '' when right(w.name, 1) = '/' then left(w.name, -1) || '0' else w.name || E'\x01' end
             and s.path < below
           order by s.path limit 1) n
        where w.at < piece)
      select array_agg(w.name order by w.at), count(*), 2 * count(*) filter (where right(w.name, 1) <> '/') > count(*) into more, seen, is_flat from walk w where w.at > 0;
    end if;
    exit when seen = 0;
    found_names := found_names || more;
    exit when seen < piece or cardinality(found_names) >= p_limit;
    last := more[cardinality(more)];
    piece := 2 * piece;
  end loop;
  if found_names <> '{}' then
    names := array_to_json(found_names)::text;
    return next;
  end if;
end $$;
