-- What is made of something that is being ended at the same moment must not outlive it: a token of its parent, a login's token of its auth mount.

set local search_path = coffer, pg_catalog;
set local role coffer_owner;

create function token_parent_stays() returns trigger
language plpgsql
set search_path = coffer, pg_catalog
as $$
begin
  -- Held until the child is there: whoever ends the parent waits for it, and then finds the child.
  perform from tokens where org_id = new.org_id and token_id = new.parent_id and (expires_at is null or expires_at > now()) for key share;
  if not found then
    raise exception 'the parent token has ended' using errcode = 'CF401';
  end if;
  return new;
end $$;

create trigger tokens_parent_stays before insert on tokens for each row when (new.parent_id is not null) execute function token_parent_stays();

-- Deletes tokens and all that was made from them, however deep; gives their ids. One generation after the other: deleting one waits for whoever is making a
-- child of it, and the next statement sees that child.
create function token_revoke(p_org uuid, p_tokens uuid[]) returns setof uuid
language plpgsql
set search_path = coffer, pg_catalog
as $$
declare
  generation uuid[] := p_tokens;
begin
  perform set_config('coffer.org', p_org::text, true);
  while cardinality(generation) > 0 loop
    return query delete from tokens t where t.org_id = p_org and t.token_id = any(generation) returning t.token_id;
    select coalesce(array_agg(t.token_id), '{}') from tokens t where t.org_id = p_org and t.parent_id = any(generation) into generation;
  end loop;
end $$;

-- For whoever ends a mount, or what it gave: waits for the logins that are being written, and lets none be until the transaction is over.
create function auth_mount_hold(p_mount uuid) returns void
language sql
set search_path = coffer, pg_catalog
as $$
  select pg_advisory_xact_lock(hashtextextended('coffer/auth-mount/' || p_mount, 0))
$$;

-- For logins: the mounts are there, at these paths, until the transaction is over.
create function auth_mounts_stay(p_org uuid, p_mounts uuid[], p_paths text[]) returns void
language plpgsql
set search_path = coffer, pg_catalog
as $$
begin
  perform set_config('coffer.org', p_org::text, true);
  perform pg_advisory_xact_lock_shared(hashtextextended('coffer/auth-mount/' || w.mount_id, 0)) from (select distinct unnest(p_mounts) as mount_id order by 1) w;
  if exists (
    select from unnest(p_mounts, p_paths) as w(mount_id, path)
    where not exists (select from mounts m where m.org_id = p_org and m.mount_id = w.mount_id and m.path = w.path and m.deleted_at is null)
  ) then
    raise exception 'the auth mount has ended' using errcode = 'CF404';
  end if;
end $$;

revoke all on function token_parent_stays(), token_revoke(uuid, uuid[]), auth_mount_hold(uuid), auth_mounts_stay(uuid, uuid[], text[]) from public;
grant execute on function token_parent_stays(), token_revoke(uuid, uuid[]), auth_mount_hold(uuid), auth_mounts_stay(uuid, uuid[], text[]) to coffer_app;
