/*
 * What a module in C exports: core_smtp_tls_reporting, and if it wants to the other two. Names and values of the
 * object's members are in tlsrpt.h. The object is json-c's own (libjson-c.so.5): include <json-c/json.h> to look into
 * it, and link with -ljson-c.
 *
 * Threads: all three functions are called in one and the same thread, which is not the main thread of the process, one
 * call at a time. A module has a process of its own; what it does to the process it does to nobody else. A call should
 * take less than 50 ms, and after 30 s the process is killed.
 *
 * Standard output: complete lines become lines of the module's log, with the epoch of the point of that call.
 */
#ifndef TLSWITNESS_HOOKS_CORE_SMTP_TLS_REPORTING_H
#define TLSWITNESS_HOOKS_CORE_SMTP_TLS_REPORTING_H

#include "tlsrpt.h"

#ifdef __cplusplus
extern "C" {
#endif

struct json_object;

/*
 * Is told one data point. Required.
 *
 * closure: what tlswitness_module_init stored, else NULL. (The MTA's manual writes `void closure`; it is read as
 * `void *closure`.)
 * json: the point. Made for this call alone and given back after it, with all that is in it: valid during the call
 * only. A module that wants it for longer takes a reference by json_object_get() and gives that back by
 * json_object_put(), in the thread of the calls (json-c does not count references atomically). It may change it.
 *
 * The value that is returned has no significance.
 */
int core_smtp_tls_reporting(void *closure, struct json_object *json);

/*
 * Called once before the first point. Optional.
 *
 * closure: points to NULL; what is stored there is handed to the other two functions.
 * config: the text that the configuration gives the module, "" if none; valid during the call only. UTF-8.
 *
 * Returns 0, or another number if the module cannot work: it is not loaded then, and deinit is not called.
 */
int tlswitness_module_init(void **closure, const char *config);

/* Called once after the last point, unless the process is killed. Optional. */
void tlswitness_module_deinit(void *closure);

#ifdef __cplusplus
}
#endif

#endif
