"""PostgreSQL for the tests: a server of their own, which is there when they ask and ends with them.

Nothing has to be installed or started by hand. Root, by whom PostgreSQL is not run, has another
user run it, from a folder that this user can get to; no user is made, and nothing is changed
outside that folder. Where no server can be had, `Missing` says why and the test fails.
"""
