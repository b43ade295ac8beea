-- Documents by kind and key. A deleted one stays as a row without value for a while, so that changes since a revision
-- can be told.
create table entries (
    kind  text   not null,
    key   text   not null,
    rev   bigint not null,
    value text,
    primary key (kind, key)
);

create unique index entries_rev on entries (rev);

-- One row: the last revision given out, and the highest of a deletion that has been forgotten.
create table revisions (
    last    bigint not null,
    horizon bigint not null
);

insert into revisions (last, horizon) values (0, 0);
