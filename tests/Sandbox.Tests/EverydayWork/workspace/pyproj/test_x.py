import unittest


class T(unittest.TestCase):
    def test_x(self) -> None:
        self.assertEqual(1, 1)
