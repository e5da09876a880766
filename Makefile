# SPDX-License-Identifier: MIT
#
# ctsh.  One file and no recursion; `make help` lists the targets.
# Everything that is made goes below $(B); nothing is written elsewhere
# but by install, deps and demo.

VERSION = 0.1.0

# --- where things go: GNU names, all to be set on the command line ---------

prefix      = /usr/local
exec_prefix = $(prefix)
bindir      = $(exec_prefix)/bin
sbindir     = $(exec_prefix)/sbin
libdir      = $(exec_prefix)/lib
libexecdir  = $(exec_prefix)/libexec
datarootdir = $(prefix)/share
mandir      = $(datarootdir)/man
docdir      = $(datarootdir)/doc/ctsh
# Not below prefix: an administrator looks for it in one place.
sysconfdir  = /etc
rundir      = /run/ctsh
# Recordings, where a rule asks for them.
logdir      = /var/log/ctsh
# For the PAM module; nothing is installed below pam.d, ever.
pamdir      = $(libdir)/security
DESTDIR     =

# Who may execute ctsh: empty for everyone (4755), else one group (4750).
SETUID_GROUP =

# 1 where ctsh is to work in a system container with engines of its own: it
# then no longer refuses to run outside the first user and PID namespaces.
NESTED =

# --- how it is built -------------------------------------------------------

# gcc unless somebody chose: make's own default is the name `cc`.
ifeq ($(origin CC),default)
CC = gcc
endif
ifeq ($(origin AR),default)
AR = ar
endif
PKG_CONFIG ?= pkg-config

# Warnings are errors in CI; a packager's newer compiler must not fail on them.
WERROR =
# address,undefined for a build that checks itself, in a tree of its own.
SANITIZE =

B = build$(if $(SANITIZE),/san)

# The packager's, appended after ours; this is what stands without one.
CFLAGS ?= -O2 -g

# Kept apart from CFLAGS so that setting those replaces nothing of this.
# gnu17 for typeof and `?:`; _GNU_SOURCE for setns, openat2 and the like.
OURS_CFLAGS := -std=gnu17
OURS_CPPFLAGS := -D_GNU_SOURCE
# Implicit sign and size changes are how ids and lengths go wrong (-1 as a
# uid, a length cut to int): -Wconversion.  A stack size that input decides:
# -Wvla.  A format from a variable: -Wformat=2.  A macro misspelt in #if reads
# as 0: -Wundef.  The prototypes catch what a header and its file disagree on.
OURS_CFLAGS += -Wall -Wextra -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wformat=2 -Wconversion -Wundef
OURS_CFLAGS += $(if $(WERROR),-Werror)
# Compiled-in places: a path that came with the caller would be the caller's.
OURS_CPPFLAGS += \
	-DCTSH_VERSION='"$(VERSION)"' \
	-DCTSH_SESSION_PATH='"$(libexecdir)/ctsh/ctsh-session"' \
	-DCTSH_NAMES_PATH='"$(libexecdir)/ctsh/ctsh-names"' \
	-DCTSH_SFTP_PATH='"$(libexecdir)/ctsh/ctsh-sftp-server"' \
	-DCTSH_PORTER_PROGRAM='"$(libexecdir)/ctsh/ctsh-porter"' \
	-DCTSH_CTL_PATH='"$(sbindir)/ctshctl"' \
	-DCTSH_CONFDIR='"$(sysconfdir)/ctsh"' \
	-DCTSH_LOGDIR='"$(logdir)"' \
	-DCTSH_RUNDIR='"$(rundir)"' $(if $(NESTED),-DCTSH_NESTED)

# Each is tried alone and used if compiler and linker take it:
#   PIE: addresses unknown to an attacker, in a setuid program above all
#   relro, now: the table of library addresses is read-only before main()
#   noexecstack: no code on the stack
#   stack-protector-strong, stack-clash-protection: an overrun is an abort,
#     and a large frame cannot step over the guard page (CVE-2017-1000364)
#   cf-protection, branch-protection: hardware checks of jumps, x86 and arm
#   trivial-auto-var-init: a forgotten initialisation leaks zeros
PROBE_CFLAGS = -fPIE -fstack-protector-strong -fstack-clash-protection \
	-fcf-protection -mbranch-protection=standard \
	-ftrivial-auto-var-init=zero
PROBE_LDFLAGS = -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack \
	-Wl,--as-needed
# Bounds checks in libc, unless the packager chose a level.  The sanitizer
# has its own, which this would hide.
ifeq ($(findstring _FORTIFY_SOURCE,$(CFLAGS) $(CPPFLAGS))$(SANITIZE),)
PROBE_CFLAGS += -D_FORTIFY_SOURCE=3
endif
ifneq ($(SANITIZE),)
# recover=none: undefined behaviour ends the test instead of being a note.
OURS_CFLAGS += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
endif

# Goals that compile in this very process; the others must work where there
# is no compiler yet.
NOT_BUILDING = help deps uninstall clean dist lint check check-unit \
	check-system check-vm bench demo demo-down
ifneq ($(filter-out $(NOT_BUILDING),$(or $(MAKECMDGOALS),all)),)
# The answers are cached below $(B), by compiler and question.
probe = $(shell sh packaging/probe.sh '$(B)/probed' '$(CC)' $(1))
PROBED_CFLAGS := $(call probe,$(PROBE_CFLAGS))
PROBED_LDFLAGS := $(call probe,$(PROBE_LDFLAGS))
# The stub without the dynamic loader, where there is a static libc: the loader
# is most of the code that would run with the caller's environment.  What starts
# a static program still reads GLIBC_TUNABLES (CVE-2023-4911) and
# LD_LIBRARY_PATH (CVE-2025-4802: harmless where nothing is loaded), and an
# update of libc reaches it only when it is built anew.  The sanitizer has no
# static form.
PROBED_STATIC := $(if $(SANITIZE),,$(call probe,-static-pie))
PROBED_STUB := $(or $(PROBED_STATIC),-pie)
# Better still with musl, where its compiler is installed: what starts a program
# of glibc's asks the processor what it is some fifty times, each of which ends
# in the hypervisor of a virtual machine, and reads those two variables; what
# starts one of musl's does neither.  The kernel's headers are the machine's.
# MUSL_CC= on the command line is without.
MUSL_CC = $(if $(filter-out gcc,$(CC)),,musl-gcc)
MUSL_LINK = -static -nostartfiles -Wl,-pie,--no-dynamic-linker,-z,text \
	-l:rcrt1.o -l:crti.o -l:crtn.o
PROBED_MUSL := $(if $(SANITIZE),,$(shell ! command -v '$(MUSL_CC)' >/dev/null || \
	sh packaging/probe.sh '$(B)/probed' '$(MUSL_CC)' '$(MUSL_LINK)'))
MUSL_HEADERS := $(if $(PROBED_MUSL),$(addprefix -idirafter /usr/include,/ \
	$(addprefix /,$(shell $(CC) -print-multiarch))))
ifeq ($(PROBED_STATIC)$(SANITIZE),)
$(warning no static libc here: ctsh-sftp-server is not built, and sftp and \
	scp will not work in containers that have no sftp-server of their own)
endif
comma := ,
# pkg-config if it knows the library, else the plain name.
library = $(or $(shell $(PKG_CONFIG) --$(2) $(1) 2>/dev/null),$(3))
LIBCONFUSE_CFLAGS := $(call library,libconfuse,cflags)
LIBCONFUSE_LIBS := $(call library,libconfuse,libs,-lconfuse)
JANSSON_CFLAGS := $(call library,jansson,cflags)
JANSSON_LIBS := $(call library,jansson,libs,-ljansson)
# The session likewise, where both libraries have a static form: nothing to load
# at each login, and fewer pages to copy at each fork.  Only libconfuse would
# ask the name service, to expand a ~ that is never given to it; without that
# nothing here can load a module.
PROBED_SESSION := $(if $(if $(SANITIZE),,$(call \
	probe,'-static-pie $(LIBCONFUSE_LIBS) $(JANSSON_LIBS)')),-static-pie \
	$(addprefix -Wl$(comma)--defsym=,getpwnam=abort getpwuid=abort),-pie)
CMOCKA_CFLAGS := $(call library,cmocka,cflags)
CMOCKA_LIBS := $(call library,cmocka,libs,-lcmocka)
endif

COMPILE_FLAGS = $(OURS_CPPFLAGS) $(LIBCONFUSE_CFLAGS) $(JANSSON_CFLAGS) \
	$(OURS_CFLAGS) $(PROBED_CFLAGS) $(CPPFLAGS) $(CFLAGS)
LINK_FLAGS = $(OURS_CFLAGS) $(PROBED_CFLAGS) $(PROBED_LDFLAGS) \
	$(CFLAGS) $(LDFLAGS)
COMPILE = $(CC) $(COMPILE_FLAGS)
LINK = $(CC) $(LINK_FLAGS)
LIBS = $(LIBCONFUSE_LIBS) $(JANSSON_LIBS)

# --- what it is made of; tests/lint/lists.sh holds this against the tree ---

# The stub: what a setuid program needs, and nothing that reads a file.
STUB_SRC = \
	shell/ctsh.c shell/caller.c shell/report.c lib/base/disposition.c \
	lib/base/error.c lib/base/line.c lib/base/text.c

LIB_SRC = \
	lib/base/child.c lib/base/close_but.c lib/base/disposition.c \
	lib/base/error.c lib/base/fdio.c lib/base/fdio_message.c lib/base/fdio_trusted.c \
	lib/base/filters.c lib/base/glob.c lib/base/http.c lib/base/json.c lib/base/json_lean.c lib/base/line.c \
	lib/base/peer.c lib/base/proc.c lib/base/proc_cgroup.c lib/base/proc_clock.c \
	lib/base/proc_idmap.c lib/base/proc_limits.c lib/base/proc_status.c \
	lib/base/sftp.c lib/base/strand.c lib/base/text.c \
	lib/policy/break_glass.c lib/policy/config.c \
	lib/policy/config_build.c lib/policy/config_groups.c \
	lib/policy/config_lists.c lib/policy/config_owner.c lib/policy/config_rule.c \
	lib/policy/config_values.c lib/policy/names.c lib/policy/person.c \
	lib/policy/person_files.c lib/policy/rule.c \
	lib/policy/scan.c lib/policy/source.c lib/policy/token.c \
	lib/runtime/bundle.c lib/runtime/containerd.c \
	lib/runtime/crun.c lib/runtime/docker.c lib/runtime/kubernetes.c \
	lib/runtime/oci.c lib/runtime/pidfile.c lib/runtime/pod.c \
	lib/runtime/podman.c lib/runtime/full_id.c lib/runtime/storage.c \
	lib/runtime/record.c lib/runtime/runc.c \
	lib/runtime/runtime.c lib/runtime/lxc.c lib/runtime/lxc_command.c \
	lib/runtime/lxd.c lib/runtime/nspawn.c lib/runtime/nspawn_search.c \
	lib/enter/below.c lib/enter/caps.c lib/enter/cgroup.c lib/enter/confine.c \
	lib/enter/cgroup_named.c \
	lib/enter/container.c lib/enter/enter.c lib/enter/host.c \
	lib/enter/inside.c lib/enter/join.c lib/enter/interior.c lib/enter/lsm.c lib/enter/network.c \
	lib/enter/parcel.c \
	lib/enter/locale.c \
	lib/enter/passwd.c lib/enter/proof.c lib/enter/sandbox.c \
	lib/enter/program.c \
	lib/enter/schedule.c \
	lib/enter/seccomp.c lib/enter/talk.c lib/enter/userdir.c lib/enter/verify.c lib/enter/visit.c \
	lib/registry/filters.c \
	lib/registry/keeper.c lib/registry/uses.c \
	lib/runtime/stop.c lib/route/keep.c \
	lib/registry/rundir.c lib/registry/slots.c lib/registry/sweep.c \
	lib/route/environment.c lib/route/forward.c \
	lib/route/identity.c lib/route/named.c \
	lib/route/plan.c lib/route/route.c \
	lib/route/locale.c lib/route/owner.c lib/route/visit.c lib/policy/guest_keys.c \
	lib/route/sftp.c \
	lib/enter/session_group.c lib/registry/seats.c \
	lib/policy/config_start.c lib/registry/turns.c lib/route/await.c \
	lib/base/run.c lib/runtime/service.c lib/runtime/lxd_start.c lib/runtime/glance.c

# What asks the name service for the session.
NAMES_SRC = \
	names/names.c lib/policy/names.c lib/base/child.c \
	lib/base/error.c lib/base/fdio.c lib/base/fdio_message.c \
	lib/base/text.c

# The session's own, instead of the library's.
SESSION_SRC = \
	shell/session.c lib/policy/names_program.c

# All of shell/ but the stub.
SHELL_SRC = \
	shell/agent.c shell/forward.c shell/login_forward.c \
	shell/porter_make.c shell/progress.c \
	shell/caller.c shell/calls.c shell/channels.c shell/descriptors.c \
	shell/host_shell.c shell/invocation.c shell/limits.c shell/presence.c \
	shell/relay.c \
	shell/report.c \
	shell/login_decide.c shell/login_enter.c shell/login_supervise.c \
	shell/login_use.c \
	shell/session.c shell/signals.c shell/stdio.c shell/supervisor.c shell/terminal.c \
	shell/asciicast.c shell/record.c shell/record_create.c \
	shell/watchdog.c shell/watchdog_group.c shell/watchdog_guard.c \
	shell/watchdog_run.c

# The porter: executed inside, by a descriptor.  libc only.
PORTER_SRC = \
	shell/porter.c shell/porter_make.c lib/base/strand.c

CTL_SRC = \
	ctl/check.c ctl/ctshctl.c ctl/explain.c ctl/stop_idle.c

# The PAM module, which is loaded into other people's programs.
MODULE_SRC = \
	pam_module/arguments.c pam_module/join_all.c pam_module/pam_ctsh.c \
	pam_module/preload.c pam_module/report.c

# A program of its own, for containers without an sftp-server.
SFTP_SRC = \
	sftp/answer.c sftp/attributes.c sftp/directory.c sftp/file.c \
	sftp/handles.c sftp/longname.c sftp/main.c sftp/names.c \
	sftp/options.c sftp/path.c sftp/serve.c sftp/whole.c sftp/wire.c

PROGRAMS = $(B)/ctsh $(B)/ctsh-session $(B)/ctsh-names $(B)/ctshctl \
	$(if $(PROBED_STATIC),$(B)/ctsh-porter) $(B)/pam_ctsh.so \
	$(if $(PROBED_STATIC),$(B)/ctsh-sftp-server)

objects = $(patsubst %.c,$(B)/obj/%.o,$(1))
STUB_OBJ = $(call objects,$(STUB_SRC))
MUSL_OBJ = $(patsubst %.c,$(B)/musl/%.o,$(STUB_SRC))
PORTER_OBJ = $(call objects,$(PORTER_SRC))
LIB_OBJ = $(call objects,$(LIB_SRC))
SHELL_OBJ = $(call objects,$(SHELL_SRC))
CTL_OBJ = $(call objects,$(CTL_SRC))
# Compiled once more, to be loaded anywhere.
MODULE_OBJ = $(patsubst %.c,$(B)/pic/%.o,$(MODULE_SRC) $(LIB_SRC))
SFTP_OBJ = $(call objects,$(SFTP_SRC))
SFTP_MAIN = $(B)/obj/sftp/main.o
SESSION_OBJ = $(call objects,$(SESSION_SRC))
NAMES_OBJ = $(call objects,$(NAMES_SRC))
CTL_MAIN = $(B)/obj/ctl/ctshctl.o
ALL_OBJ = $(sort $(STUB_OBJ) $(LIB_OBJ) $(SHELL_OBJ) $(CTL_OBJ) $(SFTP_OBJ) \
	$(SESSION_OBJ) $(NAMES_OBJ) $(PORTER_OBJ))

# Tests are the one thing found by name: a new one must not be forgotten.
TESTS = $(patsubst tests/unit/%.c,$(B)/tests/%,$(wildcard tests/unit/test_*.c))

.PHONY: all tests help deps install uninstall demo demo-down check check-unit \
	check-system check-vm bench lint dist clean FORCE
# A recipe that fails half-way must leave no file that looks finished.
.DELETE_ON_ERROR:
# Rules are all written here; make's own would only be looked through.
MAKEFLAGS += --no-builtin-rules

all: $(PROGRAMS)
tests: $(TESTS)

# The setuid program: its own short list and libc, no library of anybody's.
ifneq ($(PROBED_MUSL),)
$(B)/ctsh: $(MUSL_OBJ)
	$(MUSL_CC) $(filter-out -pie,$(LINK_FLAGS)) $(PROBED_MUSL) -o $@ $^

$(B)/musl/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(MUSL_CC) $(COMPILE_FLAGS) $(MUSL_HEADERS) -MMD -MP -c -o $@ $<
else
$(B)/ctsh: $(STUB_OBJ)
	$(filter-out -pie,$(LINK)) $(PROBED_STUB) -o $@ $^
endif

$(B)/ctsh-session: $(SESSION_OBJ) $(B)/libshell.a $(B)/libctsh.a
	$(filter-out -pie,$(LINK)) $(PROBED_SESSION) -o $@ $^ $(LIBS)

$(B)/ctsh-names: $(NAMES_OBJ)
	$(LINK) -o $@ $^

# It runs where no library may be.
$(B)/ctsh-sftp-server: $(SFTP_MAIN) $(B)/libsftp.a
	$(filter-out -pie,$(LINK)) $(PROBED_STATIC) -o $@ $^

$(B)/ctsh-porter: $(PORTER_OBJ)
	$(filter-out -pie,$(LINK)) $(PROBED_STATIC) -o $@ $^

$(B)/ctshctl: $(CTL_MAIN) $(B)/libctl.a $(B)/libshell.a $(B)/libctsh.a
	$(LINK) -o $@ $^ $(LIBS)

# Nothing but what PAM calls is to be seen by the program that loads it, and
# what the module does not need of ours is not in it.
$(B)/pam_ctsh.so: $(MODULE_OBJ) pam_module/exports.map
	$(filter-out -pie,$(LINK)) -shared -Wl,-z,defs -Wl,--gc-sections \
		-Wl,--version-script=pam_module/exports.map -o $@ $(MODULE_OBJ) \
		-lpam $(LIBS)

$(B)/pic/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) -fPIC -fvisibility=hidden -ffunction-sections -MMD -MP -c \
		-o $@ $<

$(B)/libctsh.a: $(LIB_OBJ)
$(B)/libshell.a: $(filter-out $(SESSION_OBJ),$(SHELL_OBJ))
$(B)/libsftp.a: $(filter-out $(SFTP_MAIN),$(SFTP_OBJ))
$(B)/libctl.a: $(filter-out $(CTL_MAIN),$(CTL_OBJ))
# Made anew each time: `ar r` alone would keep objects of deleted files.
$(B)/lib%.a:
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

TEST_LIBS = $(B)/libshell.a $(B)/libctl.a $(B)/libctsh.a $(B)/libsftp.a
$(B)/tests/%: tests/unit/%.c $(TEST_LIBS) $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(CMOCKA_CFLAGS) -MMD -MP -MF $@.d -MT $@ $(PROBED_LDFLAGS) \
		$(LDFLAGS) -o $@ $< \
		-Wl,--start-group $(TEST_LIBS) -Wl,--end-group \
		$(CMOCKA_LIBS) $(LIBS)

# Whatever changes the outcome of a compilation, as a file: it is rewritten,
# and everything rebuilt, only when it says something new.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' "$$FLAGS_NOW" | cmp -s - $@ || \
		printf '%s\n' "$$FLAGS_NOW" >$@
$(B)/flags: export FLAGS_NOW = $(COMPILE) / $(LINK) $(PROBED_STUB) $(PROBED_MUSL) \
	$(PROBED_SESSION) $(LIBS)

-include $(wildcard $(ALL_OBJ:.o=.d) $(MODULE_OBJ:.o=.d) $(MUSL_OBJ:.o=.d) \
	$(TESTS:=.d))

# --- install: packaging/modes says what, where, whose and how --------------

export DESTDIR SETUID_GROUP
INSTALL_ENV = bindir='$(bindir)' sbindir='$(sbindir)' \
	libexecdir='$(libexecdir)' sysconfdir='$(sysconfdir)' \
	mandir='$(mandir)' docdir='$(docdir)' pamdir='$(pamdir)' \
	logdir='$(logdir)' build='$(B)'

install: all
	$(INSTALL_ENV) sh packaging/install.sh install

uninstall:
	$(INSTALL_ENV) sh packaging/install.sh uninstall

# --- checks ----------------------------------------------------------------

deps:
	sh packaging/deps.sh

# Works on a fresh machine: the first step installs what is missing.
check:
	bash tests/run deps gcc lint unit install system vm

check-unit:
	bash tests/run $(if $(SANITIZE),san,unit)

check-system:
	bash tests/run gcc system

# Security modules and the unified cgroup hierarchy, in emulated machines.
check-vm:
	bash tests/run gcc vm

lint:
	bash tests/run gcc lint

bench:
	bash bench/run.sh

# --- the rest --------------------------------------------------------------

# crun by default, since it needs no daemon; or docker, if one runs.
ENGINE = crun
demo:
	bash demo/demo.sh '$(ENGINE)'

demo-down:
	bash demo/down.sh

# What is committed and nothing that lies about.
dist:
	git archive --format=tar.gz --prefix=ctsh-$(VERSION)/ \
		-o ctsh-$(VERSION).tar.gz HEAD

clean:
	rm -rf build

help:
	@echo 'all           build the programs below build/'
	@echo 'deps          install what building and testing need (apt)'
	@echo 'install       install below DESTDIR; see packaging/modes'
	@echo 'uninstall     remove that again, but no configuration'
	@echo 'demo          a container, a user and an sshd to try it'
	@echo '              (ENGINE=docker for the running docker)'
	@echo 'demo-down     remove the demo'
	@echo 'check         deps, and all tests'
	@echo 'check-unit    unit tests            (SANITIZE=address,undefined)'
	@echo 'check-system  tests with real engines and sshd; needs root'
	@echo 'check-vm      tests in emulated machines; needs root'
	@echo 'lint          fences, sizes, formats, man pages'
	@echo 'bench         login latency beside the tools of today; needs root'
	@echo 'dist clean    a tarball of HEAD; remove build/'
	@echo 'Variables: DESTDIR prefix bindir sbindir libexecdir sysconfdir'
	@echo '  mandir pamdir rundir logdir SETUID_GROUP CC CPPFLAGS CFLAGS LDFLAGS'
	@echo '  WERROR=1 NESTED=1 SANITIZE=address,undefined B=build'
