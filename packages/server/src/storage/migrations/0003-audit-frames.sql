-- Chains of frames in the database, so that verification needs no worker's disk.
-- What the chain needs beyond 0001-init.sql: the frames' skeletons, and the place of every event and link in its frame.
set local search_path = coffer, pg_catalog;
set local role coffer_owner;

-- One row per frame: enough to check its tag without any record, so that the chain of a node's stream stays verifiable
-- across organizations, and after one was shredded. units: 33 bytes for each item, its kind and its SHA-256.
-- control: items other than records and links, in the frame's own encoding. Platform data: no organization.
create table audit_frames (
  stream uuid not null,
  seq bigint not null,
  at timestamptz not null,
  previous bytea not null,
  tag bytea not null,
  units bytea not null,
  control bytea,
  primary key (stream, seq)
);

alter table audit_events add column ordinal integer;
create index audit_events_chain on audit_events (stream, seq) where stream is not null;

-- After a crash an event may be adopted twice; both links stand in frames, so both must be kept.
alter table audit_links add column ordinal integer not null;
alter table audit_links drop constraint audit_links_pkey;
alter table audit_links add primary key (org_id, at, event_id, stream, seq);
create index audit_links_chain on audit_links (stream, seq);

grant insert on audit_frames to coffer_audit;
grant select on audit_frames to coffer_app, coffer_jobs, coffer_audit;
grant select (seq, ordinal) on audit_events to coffer_jobs;
grant select (stream, seq, ordinal, adopted) on audit_links to coffer_jobs;
