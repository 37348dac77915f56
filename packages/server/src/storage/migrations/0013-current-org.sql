-- Row-level security asks for the organization at every table that a statement touches, some twenty times in a write. A function with a
-- setting of its own cannot be made part of the plan, and each call sets and resets the search path. Written as an expression its names are bound here
-- and now, so that it needs no path and is inlined.

set local search_path = pg_catalog;
set local role coffer_owner;

create or replace function coffer.current_org() returns uuid language sql stable parallel safe
  return nullif(current_setting('coffer.org', true), '')::uuid;
