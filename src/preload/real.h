/* SPDX-License-Identifier: ISC */
/*
 * real_NAME() for each hooked NAME, and for what else the library calls that
 * may be hooked: the function that the program would have
 * called without this library. Inside the library nothing else is called.
 */
#ifndef PP_REAL_H
#define PP_REAL_H

#include "hooks.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#define PP_REAL_INDEX(type, name, parameters, arguments) PP_REAL_##name,
enum pp_real {
	PP_REALS(PP_REAL_INDEX) PP_FCNTL_REALS(PP_REAL_INDEX) PP_REAL_COUNT
};
#undef PP_REAL_INDEX

typedef void (*pp_real_function)(void);

/*
 * The next function of that name behind ours in the search order, or NULL.
 * Looked up once; thread-safe and signal-safe.
 */
pp_real_function pp_real_get(enum pp_real index);

/*
 * Looks up what programs call between fork and exec. A child of _Fork(3) may
 * wait for ever for the loader's lock, which a thread held that is not there:
 * to be called before there are threads.
 */
void pp_real_resolve_for_children(void);

/*
 * Looks all of them up, before the first connection. Processes that get none
 * look up what they call.
 */
void pp_real_resolve(void);

/*
 * True where another copy of this same library, under another path, follows in
 * the search order. That one does the work; this one must not.
 */
bool pp_real_is_copy(void);

#define PP_REAL_DEFINE(type, name, prototype, parameters, arguments)       \
	typedef type (*pp_##name##_function) prototype;                    \
	static inline type real_##name parameters                          \
	{                                                                  \
		pp_##name##_function function =                            \
			(pp_##name##_function)pp_real_get(PP_REAL_##name); \
                                                                           \
		if (function == NULL) {                                    \
			errno = ENOSYS;                                    \
			return PP_REAL_FAILED(type);                       \
		}                                                          \
		return function arguments;                                 \
	}
#define PP_REAL_FAILED(type) _Generic((type)0, FILE *: NULL, default: (type)-1)
#define PP_REAL_FUNCTION(type, name, parameters, arguments)                \
	PP_REAL_DEFINE(type, name, parameters, parameters, arguments)
#define PP_REAL_FCNTL(type, name, parameters, arguments)                   \
	PP_REAL_DEFINE(type, name, (int, int, ...), parameters, arguments)
PP_REALS(PP_REAL_FUNCTION)
PP_FCNTL_REALS(PP_REAL_FCNTL)
#undef PP_REAL_DEFINE
#undef PP_REAL_FAILED
#undef PP_REAL_FUNCTION
#undef PP_REAL_FCNTL

#endif
