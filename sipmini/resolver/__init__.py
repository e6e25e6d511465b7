"""From names to places: zone files, the system's DNS, and RFC 3263.

``records``   questions, answers and the few record types that SIP asks for (pure values)
``names``     what is a domain name, what is an address (pure)
``locate``    RFC 3263: which questions to ask, and the hops in the order to try them (pure)
``zonefile``  reads one RFC 1035 zone file
``zones``     the zones of ``STATE/dns``, reloaded when they change
``blocks``    the zone that is published, one block for each proxy (pure)
``publish``   writes the zone by which others find this proxy
``system``    asks the machine's own DNS, by ``twisted.names``
``cache``     answers of the system's DNS, for as long as they are good
``resolver``  :class:`~sipmini.resolver.resolver.Resolver`, which joins them

Nothing is imported here: whoever needs only ``names`` does not pay for a DNS library.
"""
