/* SPDX-License-Identifier: ISC */
/* A set of TCP ports, written as a list of ports and ranges. */
#ifndef PP_SETTINGS_PORTS_H
#define PP_SETTINGS_PORTS_H

#include <stdbool.h>
#include <stdint.h>

/* One bit a port; NULL: all of them. */
struct pp_ports {
	uint8_t *bits;
};

/* The list that stands for every port. */
#define PP_PORTS_ALL "all"

/*
 * Reads a list such as "22,80 8000-8099". NULL, or where in the text the first
 * bad word begins; then *ports is as it was. Ports are 1 to 65535. An empty
 * list is bad.
 */
const char *pp_ports_parse(const char *text, struct pp_ports *ports);

/* Gives the memory back. */
void pp_ports_free(struct pp_ports *ports);

/* Is the port (in host order) one of them? */
bool pp_ports_have(const struct pp_ports *ports, uint16_t port);

#endif
