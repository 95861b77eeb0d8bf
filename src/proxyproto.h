/* SPDX-License-Identifier: ISC */
/*
 * libproxyproto: the PROXY protocol for programs that do not speak it.
 *
 * A program linked with the library (pkg-config --libs libproxyproto) has
 * accept(2), accept4(2), getpeername(2) and listen(2) intercepted as if the
 * library were preloaded; see libproxyproto(7).
 */
#ifndef PROXYPROTO_H
#define PROXYPROTO_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The version of the library that is loaded, as "0.1.0". The text is constant
 * and must not be freed. Never fails; does not change errno. Thread- and
 * signal-safe. dlsym(RTLD_DEFAULT, "proxyproto_version") tells whether the
 * library is at work in a process. Since 0.1.0.
 */
const char *proxyproto_version(void);

#ifdef __cplusplus
}
#endif

#endif
