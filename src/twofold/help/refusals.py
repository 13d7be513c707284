"""The refusals that each call has of its own, by its operation id, and those that any call may have.

tests/help/test_api_page.py compares them with what the code of each call leads to.
"""

ANY = (
    "400 invalid_request, 403 network_blocked, 405 method_not_allowed, 408 request_timeout, 413 payload_too_large, "
    "415 unsupported_media_type, 421 misdirected_request, 429 too_many_requests, 500 internal, 503 unavailable"
)

OWN = {
    "addPasskey": (
        "400 invalid_credential, 401 not_signed_in, 403 two_factor_required, 404 not_found, 409 already_registered, "
        "409 too_many_passkeys, 410 registration_expired, 423 locked"
    ),
    "approveReset": (
        "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 404 not_found, 409 not_yourself, "
        "409 wrong_state, 503 no_mail"
    ),
    "askForOwnPasskey": "401 not_signed_in, 403 two_factor_required, 404 not_found",
    "askForPasskey": "401 sign_in_expired, 404 not_found, 409 out_of_order",
    "beginSignIn": (
        "401 invalid_credentials, 403 frozen, 403 sso_required, 423 locked, 429 too_many_attempts, 503 no_mail"
    ),
    "blockNetwork": "401 not_signed_in, 403 not_allowed, 403 two_factor_required",
    "cancelReset": (
        "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 404 not_found, 409 not_yourself, "
        "409 wrong_state, 503 no_mail"
    ),
    "changeAccount": (
        "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 404 not_found, 409 domain_in_use, "
        "409 domain_taken"
    ),
    "changeApplication": "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 404 not_found",
    "changePassword": (
        "401 invalid_code, 401 invalid_credential, 401 invalid_password, 401 not_signed_in, 403 sso_required, "
        "403 two_factor_required, 409 not_enabled, 422 weak_password, 423 locked, 429 too_many_attempts"
    ),
    "changePolicy": (
        "401 not_signed_in, 403 not_allowed, 403 not_offered, 403 two_factor_required, 409 no_mail, 409 "
        "would_lock_out_last_admin"
    ),
    "changeUser": (
        "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 404 not_found, 409 domain_taken, "
        "409 email_taken, 409 last_admin, 409 no_seat_left, 422 weak_password"
    ),
    "checkSession": "401 not_signed_in, 403 two_factor_required",
    "completeSignInRegistration": (
        "400 invalid_credential, 401 sign_in_expired, 404 not_found, 409 already_registered, 409 out_of_order, "
        "410 registration_expired"
    ),
    "confirmEnrolment": (
        "401 invalid_code, 401 not_signed_in, 403 two_factor_required, 410 enrolment_expired, 423 locked"
    ),
    "confirmReset": (
        "401 invalid_password, 409 approval_required, 409 new_password_required, 410 link_expired, 422 weak_password"
    ),
    "confirmSignInEnrolment": "401 invalid_code, 401 sign_in_expired, 409 out_of_order, 410 enrolment_expired",
    "createAccount": (
        "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 404 not_found, 409 domain_in_use, "
        "409 domain_taken"
    ),
    "createApplication": "401 not_signed_in, 403 not_allowed, 403 two_factor_required",
    "createApplicationSecret": "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 404 not_found",
    "createUser": (
        "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 404 not_found, 409 domain_taken, "
        "409 email_taken, 409 no_seat_left, 422 weak_password, 503 no_mail"
    ),
    "deleteApplication": "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 404 not_found",
    "endSession": "401 not_signed_in, 403 two_factor_required, 404 not_found",
    "inviteUser": (
        "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 409 domain_taken, 409 email_taken, "
        "409 no_seat_left, 422 weak_password, 429 too_many_invitations, 503 no_mail"
    ),
    "liftNetworkBlock": "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 404 not_found",
    "listAccounts": "401 not_signed_in, 403 not_allowed, 403 two_factor_required",
    "listApplications": "401 not_signed_in, 403 not_allowed, 403 two_factor_required",
    "listAuditEvents": "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 404 not_found",
    "listNetworkBlocks": "401 not_signed_in, 403 not_allowed, 403 two_factor_required",
    "listPasskeys": "401 not_signed_in, 403 two_factor_required",
    "listResets": "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 404 not_found",
    "listSessions": "401 not_signed_in, 403 two_factor_required",
    "listUsers": "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 404 not_found",
    "openEnrolment": (
        "401 invalid_code, 401 invalid_credential, 401 invalid_password, 401 not_signed_in, 403 not_offered, "
        "403 two_factor_required, 404 not_found, 409 not_enabled, 409 too_many_authenticators, 423 locked, "
        "429 too_many_attempts"
    ),
    "openRegistration": (
        "401 invalid_code, 401 invalid_credential, 401 invalid_password, 401 not_signed_in, 403 not_offered, "
        "403 two_factor_required, 404 not_found, 409 not_enabled, 409 too_many_passkeys, 423 locked, "
        "429 too_many_attempts"
    ),
    "openReset": (
        "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 404 not_found, 409 frozen, 409 "
        "lock_is_final, 409 not_enabled, 409 not_yourself, 503 no_mail"
    ),
    "openSignInEnrolment": "401 sign_in_expired, 409 out_of_order",
    "openSignInRegistration": "401 sign_in_expired, 404 not_found, 409 out_of_order",
    "proveBackupCode": "401 invalid_code, 401 sign_in_expired, 409 out_of_order, 423 locked",
    "proveCode": "401 invalid_code, 401 sign_in_expired, 409 out_of_order, 423 locked",
    "proveMailedCode": "401 invalid_code, 401 sign_in_expired, 409 out_of_order, 429 too_many_attempts",
    "provePasskey": "401 invalid_credential, 401 sign_in_expired, 403 frozen, 409 out_of_order, 423 locked",
    "refuseReset": "410 link_expired",
    "regenerateBackupCode": (
        "401 invalid_code, 401 invalid_credential, 401 invalid_password, 401 not_signed_in, "
        "403 two_factor_required, 409 not_enabled, 423 locked, 429 too_many_attempts"
    ),
    "removeAuthenticator": (
        "401 invalid_code, 401 invalid_credential, 401 invalid_password, 401 not_signed_in, "
        "403 two_factor_required, 404 not_found, 409 last_authenticator, 409 not_enabled, 423 locked, "
        "429 too_many_attempts"
    ),
    "removePasskey": (
        "401 invalid_code, 401 invalid_credential, 401 invalid_password, 401 not_signed_in, "
        "403 two_factor_required, 404 not_found, 409 last_authenticator, 409 not_enabled, 423 locked, "
        "429 too_many_attempts"
    ),
    "removeTwoFactor": (
        "401 invalid_code, 401 invalid_credential, 401 invalid_password, 401 not_signed_in, "
        "403 two_factor_required, 409 not_enabled, 409 required_by_policy, 423 locked, 429 too_many_attempts"
    ),
    "renameAuthenticator": "401 not_signed_in, 403 two_factor_required, 404 not_found",
    "renamePasskey": "401 not_signed_in, 403 two_factor_required, 404 not_found",
    "sendMailedCodeAgain": "401 sign_in_expired, 409 out_of_order, 429 too_many_attempts",
    "sendResetAgain": (
        "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 404 not_found, 409 not_yourself, "
        "409 wrong_state, 503 no_mail"
    ),
    "showAbuse": "401 not_signed_in, 403 not_allowed, 403 two_factor_required",
    "showAccount": "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 404 not_found",
    "showApplication": "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 404 not_found",
    "showPolicy": "401 not_signed_in, 403 not_allowed, 403 two_factor_required",
    "showReset": "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 404 not_found",
    "showTwoFactor": "401 not_signed_in, 403 two_factor_required",
    "showUser": "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 404 not_found",
    "signInLegacy": (
        "401 invalid_credentials, 403 frozen, 403 sso_required, 403 two_factor_not_supported_by_client, "
        "429 too_many_attempts"
    ),
    "signOut": "401 not_signed_in, 403 two_factor_required",
    "stepUp": (
        "401 invalid_code, 401 invalid_credential, 401 invalid_password, 401 not_signed_in, "
        "403 two_factor_required, 409 not_enabled, 423 locked, 429 too_many_attempts"
    ),
    "unfreezeUser": (
        "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 404 not_found, 409 frozen, 409 "
        "lock_is_final, 409 not_enabled, 409 not_yourself, 503 no_mail"
    ),
    "unlockUser": (
        "401 not_signed_in, 403 not_allowed, 403 two_factor_required, 404 not_found, 409 frozen, 409 "
        "lock_is_final, 409 not_enabled, 409 not_yourself, 503 no_mail"
    ),
}
