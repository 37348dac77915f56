-- Every minute, while an organization has a retired KEK, it is asked whether a version still names that. The index was of versions that have a data
-- key, and the role that asks may not look whether one has: in an organization of millions all of them were gone through, each time.

set local search_path = coffer, pg_catalog;
set local role coffer_owner;

drop index secret_versions_kek;
create index secret_versions_kek on secret_versions (org_id, kek_id, kek_version);
