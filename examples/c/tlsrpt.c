/*
 * The MTA's example script in C: prints each data point whole, and then its policy and what came of it.
 */
#include <stdio.h>

#include <json-c/json.h>

#include "hooks/core/smtp_tls_reporting.h"

static const char *text(struct json_object *object, const char *member)
{
    struct json_object *value;

    return json_object_object_get_ex(object, member, &value) ? json_object_get_string(value) : "";
}

int core_smtp_tls_reporting(void *closure, struct json_object *json)
{
    struct json_object *type = NULL, *policy = NULL;
    const char *result = "OK";

    (void)closure;
    json_object_object_get_ex(json, TLSRPT_JSON_TYPE, &type);
    json_object_object_get_ex(json, TLSRPT_JSON_POLICY, &policy);
    if (json_object_get_int(type) == TLSRPT_TYPE_FAILURE)
        result = text(json, TLSRPT_JSON_RESULT_TYPE);
    printf("tls report:   %s\n", json_object_to_json_string(json));
    printf("TLSRPT: %s@%s@%s\n", text(policy, TLSRPT_JSON_POLICY_DOMAIN), text(policy, TLSRPT_JSON_POLICY_TYPE), result);
    return 0;
}
