/*
 * The members and values of a data point: one TLS session's outcome under one policy (RFC 8460, sections 4.3 and 4.4).
 * Members of the seed are always in the object where they are known; those under "full" only if the module is
 * configured with members = "full". What is unknown is absent: never null, never "".
 */
#ifndef TLSWITNESS_TLSRPT_H
#define TLSWITNESS_TLSRPT_H

/* The point. */
#define TLSRPT_JSON_EPOCH "epoch"                                     /* integer: seconds since 1970; use 64 bits */
#define TLSRPT_JSON_TYPE "type"                                       /* integer: TLSRPT_TYPE_... */
#define TLSRPT_JSON_POLICY "policy"                                   /* object */
#define TLSRPT_JSON_RESULT_TYPE "result-type"                         /* string; on failures */
#define TLSRPT_JSON_FAILURE_REASON_CODE "failure-reason-code"         /* string; on failures */
#define TLSRPT_JSON_SENDING_MTA_IP "sending-mta-ip"                   /* string */
#define TLSRPT_JSON_RECEIVING_MX_HOSTNAME "receiving-mx-hostname"     /* string */
#define TLSRPT_JSON_RECEIVING_IP "receiving-ip"                       /* string */

/* The point, "full". */
#define TLSRPT_JSON_RECEIVING_MX_HELO "receiving-mx-helo"             /* string */
#define TLSRPT_JSON_ADDITIONAL_INFORMATION "additional-information"   /* string */
#define TLSRPT_JSON_RECIPIENT_DOMAIN "recipient-domain"               /* string */
#define TLSRPT_JSON_TLSRPT_RECORD "tlsrpt-record"                     /* string */
#define TLSRPT_JSON_FURTHER_FAILURES "further-failures"               /* array of objects: result-type, failure-reason-code */

/* In the policy. */
#define TLSRPT_JSON_POLICY_TYPE "policy-type"                         /* string: TLSRPT_POLICY_... */
#define TLSRPT_JSON_POLICY_DOMAIN "policy-domain"                     /* string */
#define TLSRPT_JSON_POLICY_STRING "policy-string"                     /* array of strings */
#define TLSRPT_JSON_MX_HOST "mx-host"                                 /* "full"; array of strings */

/* Values of "type". */
#define TLSRPT_TYPE_FAILURE 0
#define TLSRPT_TYPE_SUCCESS 1

/* Values of "policy-type". */
#define TLSRPT_POLICY_TLSA "tlsa"
#define TLSRPT_POLICY_STS "sts"
#define TLSRPT_POLICY_NO_POLICY_FOUND "no-policy-found"

/* Values of "result-type"; a foreign source may name one that was registered later. */
#define TLSRPT_RESULT_STARTTLS_NOT_SUPPORTED "starttls-not-supported"
#define TLSRPT_RESULT_CERTIFICATE_HOST_MISMATCH "certificate-host-mismatch"
#define TLSRPT_RESULT_CERTIFICATE_EXPIRED "certificate-expired"
#define TLSRPT_RESULT_CERTIFICATE_NOT_TRUSTED "certificate-not-trusted"
#define TLSRPT_RESULT_VALIDATION_FAILURE "validation-failure"
#define TLSRPT_RESULT_TLSA_INVALID "tlsa-invalid"
#define TLSRPT_RESULT_DNSSEC_INVALID "dnssec-invalid"
#define TLSRPT_RESULT_DANE_REQUIRED "dane-required"
#define TLSRPT_RESULT_STS_POLICY_FETCH_ERROR "sts-policy-fetch-error"
#define TLSRPT_RESULT_STS_POLICY_INVALID "sts-policy-invalid"
#define TLSRPT_RESULT_STS_WEBPKI_INVALID "sts-webpki-invalid"

#endif
