/* SPDX-License-Identifier: ISC */
/* What a library shows of itself; all else is hidden. */
#ifndef PP_EXPORT_H
#define PP_EXPORT_H

#define PP_EXPORT __attribute__((visibility("default")))

#endif
