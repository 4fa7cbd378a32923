-- What was changed, by whom and when. Rows are added and never touched again. The same table as for SQLite.

CREATE TABLE audit_events (
    -- A version 7 UUID that has the time in microseconds in it, so that ids sort as the events happened.
    id            TEXT      NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    at            TIMESTAMP NOT NULL,
    -- Whose thing it was; NULL: the instance's. No foreign key, since history outlives the tenant.
    tenant_id     TEXT,
    actor         TEXT      NOT NULL,
    action        TEXT      NOT NULL,
    resource_type TEXT      NOT NULL,
    resource_id   TEXT      NOT NULL,
    -- NULL: the service or its command line did it, without a request and a decision.
    request_id    TEXT,
    decision_id   TEXT,
    -- A JSON object: the fields that changed, and how. Never a secret.
    changes       TEXT      NOT NULL
);
CREATE INDEX audit_events_by_tenant ON audit_events (tenant_id, id);
CREATE INDEX audit_events_by_resource ON audit_events (resource_id, id);
CREATE INDEX audit_events_by_actor ON audit_events (actor, id);

CREATE FUNCTION audit_events_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit events are neither changed nor deleted';
END
$$;
CREATE TRIGGER audit_events_are_not_touched BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_events_stay();
CREATE TRIGGER audit_events_are_not_emptied BEFORE TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION audit_events_stay();
