"""What goes over the wire, and to whom? And what of it that comes in is believed?

In come carriers (headers, messages, environments) and destinations; out come Contexts, and headers that
hold a session only where the settings let it go. Whatever comes in is not trusted. No SDK is imported.
"""
