/* SPDX-License-Identifier: MIT */
/*
 * filtered.c - `filtered PROGRAM [ARG...]`: runs it under a filter that allows
 * everything, without no_new_privs, as a service manager does for a service
 * that has a list of system calls.
 */
#include <errno.h>
#include <stdio.h>

#include "refuse.h"

int main(int argc, char **argv)
{
	if (argc < 2 || refuse_mkdir(0)) {
		perror("filtered");
		return 99;
	}
	execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 98;
}
