"""Runs one test of a Paho interoperability suite: one-test.py FOLDER MODULE TEST PORT"""
import os, sys, unittest

folder, module, name, port = sys.argv[1:]
sys.path[0] = folder
suite = __import__(module)

# the suites set these in their own main, which hands its options to unittest, and that does not know them
suite.host, suite.port = '127.0.0.1', int(port)
suite.topics = ('TopicA', 'TopicA/B', 'Topic/C', 'TopicA/C', '/TopicA')
suite.wildtopics = ('TopicA/+', '+/C', '#', '/#', '/+', '+/+', 'TopicA/#')
suite.nosubscribe_topics = ('test/nosubscribe',)
suite.topic_prefix = 'client_test5/'

test = getattr(suite.Test, name)


def checked(self):
    # test_zero_length_clientid of the MQTT 5 suite returns its result and asserts nothing
    if test(self) is False:
        self.fail('the test returned False')


setattr(suite.Test, name, checked)
tests = unittest.defaultTestLoader.loadTestsFromName('Test.' + name, suite)
result = unittest.TextTestRunner(verbosity=2).run(tests)
sys.stdout.flush()
# without waiting for the suite's threads
os._exit(0 if result.wasSuccessful() else 1)
