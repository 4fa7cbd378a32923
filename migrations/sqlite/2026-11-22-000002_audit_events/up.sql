-- What was changed, by whom and when. Rows are added and never touched again. The same table as for PostgreSQL.

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

CREATE TRIGGER audit_events_are_not_changed BEFORE UPDATE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit events are not changed');
END;
CREATE TRIGGER audit_events_are_not_deleted BEFORE DELETE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit events are not deleted');
END;
-- INSERT OR REPLACE deletes a row without asking the triggers for deletions.
CREATE TRIGGER audit_events_are_not_replaced BEFORE INSERT ON audit_events
WHEN EXISTS (SELECT 1 FROM audit_events WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'audit events are not replaced');
END;
