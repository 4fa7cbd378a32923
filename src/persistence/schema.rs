//! The tables, as Diesel needs to know them. The truth is in `migrations/`.

diesel::table! {
    instance (singleton) {
        singleton -> Integer,
        id -> Text,
        control_policies -> Text,
        authn_epoch -> BigInt,
        created_at -> Timestamp,
    }
}

diesel::table! {
    tenants (id) {
        id -> Text,
        name -> Text,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    oidc_configs (id) {
        id -> Text,
        tenant_id -> Text,
        issuer_url -> Text,
        issuer_key -> Text,
        client_id -> Text,
        scopes -> Text,
        audience -> Nullable<Text>,
        accept_id_tokens -> Bool,
        secret_key_id -> Text,
        secret_sealed -> Binary,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Text,
        tenant_id -> Nullable<Text>,
        name -> Text,
        roles -> Text,
        digest -> Binary,
        previous_digest -> Nullable<Binary>,
        previous_valid_until -> Nullable<Timestamp>,
        created_at -> Timestamp,
        created_by -> Text,
        expires_at -> Nullable<Timestamp>,
        suspended_at -> Nullable<Timestamp>,
        revoked_at -> Nullable<Timestamp>,
        last_used_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    oidc_settings (singleton) {
        singleton -> Integer,
        access_token -> Text,
        id_token -> Text,
        refresh_token_idle -> Text,
        refresh_token -> Text,
        sequence -> BigInt,
        created_at -> Timestamp,
        changed_at -> Timestamp,
    }
}

diesel::table! {
    audit_events (id) {
        id -> Text,
        at -> Timestamp,
        tenant_id -> Nullable<Text>,
        actor -> Text,
        action -> Text,
        resource_type -> Text,
        resource_id -> Text,
        request_id -> Nullable<Text>,
        decision_id -> Nullable<Text>,
        changes -> Text,
    }
}
