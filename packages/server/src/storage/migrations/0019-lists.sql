-- Lists and look-ups as few values: the driver takes each column of each row apart by itself, which cost more than the rest of a list. What is read is the same.

set local search_path = coffer, pg_catalog;
set local role coffer_owner;

-- Behind everything below a prefix that ends in '/'; behind every path (1,024 bytes at most) when there is none.
create function path_end(p_prefix text) returns text language sql immutable parallel safe
  return case when p_prefix = '' then repeat(U&'\+10FFFF', 257) else left(p_prefix, -1) || '0' end;

-- Secrets in path order after a cursor, without values: JSON arrays, one for each column, and those of their `current` aliases in any order. No row: no secret.
-- The aliases are found by the secrets' ids, all at once: joined to them they were looked for one by one.
create function secret_list(p_org uuid, p_mount uuid, p_environment text, p_prefix text, p_after text, p_limit integer, p_deleted boolean)
returns table (listed text, current text)
language plpgsql
set search_path = coffer, pg_catalog
as $$
#variable_conflict use_column
declare
  below text collate "C" := path_end(p_prefix);
  ids uuid[];
begin
  perform set_config('coffer.org', p_org::text, true);
  select array_agg(s.secret_id), json_build_array(array_agg(s.secret_id), array_agg(s.path), array_agg(s.type), array_agg(s.owner_team), array_agg(s.description), array_agg(s.rotation_strategy),
      array_agg(s.last_version), array_agg((date_part('epoch', s.created_at) * 1000)::bigint), array_agg((date_part('epoch', s.updated_at) * 1000)::bigint),
      array_agg((date_part('epoch', s.deleted_at) * 1000)::bigint), array_agg(s.revision), array_agg(encode(s.mac, 'hex')))::text
    into ids, listed
    from (select s.secret_id, s.path, s.type, s.owner_team, s.description, s.rotation_strategy, s.last_version, s.created_at, s.updated_at, s.deleted_at, s.revision, s.mac
      from secrets s
      where s.org_id = p_org and s.mount_id = p_mount and s.environment = p_environment and s.path > p_after and s.path >= p_prefix and s.path < below
        and (s.deleted_at is not null) = p_deleted
      order by s.path limit p_limit) s;
  if ids is null then
    return;
  end if;
  select json_build_array(array_agg(a.secret_id), array_agg(a.version), array_agg(a.row_version), array_agg(encode(a.mac, 'hex')))::text
    into current
    from secret_aliases a where a.org_id = p_org and a.secret_id = any(ids) and a.alias = 'current';
  return next;
end $$;

-- The names directly below a folder, in order, as a JSON array. Where every secret is a name of its own they are read in growing pieces. Where they are not,
-- a piece ends in the midst of a folder, and the next one begins behind it: so a folder costs one small piece, however much is in it. No row: no name.
drop function secret_children(uuid, uuid, text, text, text, integer);
create function secret_children(p_org uuid, p_mount uuid, p_environment text, p_prefix text, p_after text, p_limit integer)
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
  piece integer := 32;
  seen integer;
begin
  perform set_config('coffer.org', p_org::text, true);
  loop
    piece := least(piece, p_limit - cardinality(found_names));
    select array_agg(distinct n.name order by n.name), count(*) into more, seen
      from (select case when position('/' in substr(s.path, start)) > 0 then split_part(substr(s.path, start), '/', 1) || '/' else substr(s.path, start) end as name
        from secrets s
        where s.org_id = p_org and s.mount_id = p_mount and s.environment = p_environment and s.deleted_at is null
          -- Behind a folder comes what follows its slash, behind a name the least text that is longer.
          and s.path >= p_prefix || case when last = '' then '' when right(last, 1) = '/' then left(last, -1) || '0' else last || E'\x01' end
          and s.path < below
        order by s.path limit piece) n;
    exit when seen = 0;
    found_names := found_names || more;
    exit when seen < piece or cardinality(found_names) >= p_limit;
    last := more[cardinality(more)];
    piece := case when cardinality(more) = seen then 2 * piece when 2 * cardinality(more) > seen then piece else greatest(piece / 4, 2) end;
  end loop;
  if found_names <> '{}' then
    names := array_to_json(found_names)::text;
    return next;
  end if;
end $$;

-- As before, but all that is no key material or value in one JSON array.
drop function secret_lookup(uuid, uuid, text, text, text);
create function secret_lookup(p_org uuid, p_mount uuid, p_environment text, p_path text, p_selector text)
returns table (facts text, ciphertext bytea, wrapped_dek bytea)
language plpgsql
set search_path = coffer, pg_catalog
as $$
#variable_conflict use_column
begin
  perform set_config('coffer.org', p_org::text, true);
  return query
    select json_build_array(
        s.secret_id, s.type, s.owner_team, s.description, s.rotation_strategy, s.custom_metadata, s.settings, s.last_version, s.revision, s.created_by,
        (date_part('epoch', s.created_at) * 1000)::bigint, (date_part('epoch', s.updated_at) * 1000)::bigint, (date_part('epoch', s.deleted_at) * 1000)::bigint, encode(s.mac, 'hex'),
        s.mount_id, s.environment, s.path,
        coalesce((select json_agg(json_build_array(a.alias, a.version, a.row_version, encode(a.mac, 'hex'), (date_part('epoch', a.updated_at) * 1000)::bigint))
          from secret_aliases a where a.org_id = p_org and a.secret_id = s.secret_id), '[]'::json),
        v.version, v.type, v.kek_id, v.kek_version, v.state, v.fingerprint, v.created_by,
        (date_part('epoch', v.created_at) * 1000)::bigint, (date_part('epoch', v.expires_at) * 1000)::bigint, (date_part('epoch', v.deleted_at) * 1000)::bigint, v.row_version, encode(v.mac, 'hex'))::text,
      v.ciphertext, v.wrapped_dek
    from secrets s
    left join lateral (select case when p_selector ~ '^[0-9]{1,18}$' then p_selector::bigint
      else (select a.version from secret_aliases a where a.org_id = p_org and a.secret_id = s.secret_id and a.alias = p_selector) end as version offset 0) w on true
    left join secret_versions v on v.org_id = p_org and v.secret_id = s.secret_id and v.version = w.version
    where s.org_id = p_org and s.mount_id = p_mount and s.environment = p_environment and s.path = p_path;
end $$;

revoke all on function path_end(text), secret_list(uuid, uuid, text, text, text, integer, boolean), secret_children(uuid, uuid, text, text, text, integer), secret_lookup(uuid, uuid, text, text, text) from public;
grant execute on function path_end(text), secret_list(uuid, uuid, text, text, text, integer, boolean), secret_children(uuid, uuid, text, text, text, integer), secret_lookup(uuid, uuid, text, text, text) to coffer_app;
