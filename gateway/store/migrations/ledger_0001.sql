-- Who listens, each in a slot of its relay, and which nodes are alive. It describes running processes: nothing of it
-- needs to survive them.
create table nodes (
    node    text             not null primary key,
    seen    double precision not null,
    details text             not null
);

create table listeners (
    relay    text    not null,
    slot     integer not null,
    node     text    not null,
    listener text    not null,
    primary key (relay, slot)
);

create index listeners_node on listeners (node);
